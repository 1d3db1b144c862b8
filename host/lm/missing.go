package lm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	"llmhost/host/config"
)

// hubID is the form of the name of a repository on Hugging Face's hub.
var hubID = regexp.MustCompile(`^(?:[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*$`)

// CheckFolders refuses settings that name a folder that is not there.
func CheckFolders(m config.ModelSettings, a config.AdapterSettings) error {
	const layout = "Hugging Face's layout"
	for _, f := range []folder{
		{"model", "model_name_or_path", m.Model, layout},
		{"tokenizer", "tokenizer_name_or_path", m.Tokenizer, layout},
		{"reference model", "ref_model_name_or_path", m.RefModel, layout},
		{"adapter", "adapter_name_or_path", a.Adapter, "PEFT's format"},
	} {
		if _, err := os.Stat(f.name); f.name != "" && errors.Is(err, fs.ErrNotExist) {
			return f.missing()
		}
	}
	return nil
}

// folder is what a setting names.
type folder struct{ what, setting, name, form string }

// missing is the error of one that is not there, with the way to get it where its
// name may be that of a repository: nothing is downloaded here.
func (f folder) missing() error {
	said := fmt.Sprintf("%s %s: no such folder; %s wants one in %s", f.what, f.name, f.setting, f.form)
	if !hubID.MatchString(f.name) {
		return errors.New(said)
	}
	local := path.Base(f.name)
	return fmt.Errorf(
		"%s, and llmhost downloads nothing; if it is a name on huggingface.co, run hf download %s --local-dir %s and give --%s %s",
		said,
		f.name,
		local,
		f.setting,
		local,
	)
}
