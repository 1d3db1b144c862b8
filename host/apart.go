package host

import (
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/config"
)

// input is a folder that a setting names and that is read.
type input struct{ setting, folder string }

// inputsOf are the folders that a training run reads.
func inputsOf(s config.Settings) []input {
	inputs := []input{
		{"model_name_or_path", s.Model},
		{"ref_model_name_or_path", s.RefModel},
		{"adapter_name_or_path", s.Adapter},
		{"tokenizer_name_or_path", s.Tokenizer},
	}
	if s.PEFTConfigPath != "" {
		inputs = append(inputs, input{"peft_config_path", filepath.Dir(s.PEFTConfigPath)})
	}
	return inputs
}

// wantInputsKept refuses a run that would destroy what it reads.
func wantInputsKept(s config.Settings) error {
	inputs := inputsOf(s)
	err := wantApart(s.OutputDir, inputs)
	if err == nil && s.OverwriteOutput {
		err = wantKept(s.OutputDir, inputs)
	}
	return err
}

// wantApart refuses an output_dir that is the folder of an input, however each is
// spelled: what is written would take the place of what was read.
func wantApart(outputDir string, inputs []input) error {
	out, err := os.Stat(outputDir)
	if err != nil {
		return nil // there is nothing to write over
	}
	for _, in := range inputs {
		found, err := os.Stat(in.folder)
		if err != nil || !os.SameFile(out, found) {
			continue
		}
		return fmt.Errorf("output_dir %s is the folder of %s, %s, and would be overwritten; name another output_dir", outputDir, in.setting, in.folder)
	}
	return nil
}

// wantKept refuses to overwrite an output_dir that an input is in: its
// checkpoints are removed.
func wantKept(outputDir string, inputs []input) error {
	out, err := filepath.EvalSymlinks(outputDir)
	if err != nil {
		return nil // there is nothing to remove
	}
	for _, in := range inputs {
		path, err := filepath.EvalSymlinks(in.folder)
		if err != nil || !isBelow(out, path) {
			continue
		}
		return fmt.Errorf("%s %s is in output_dir %s, whose checkpoints overwrite_output_dir removes; name another output_dir", in.setting, in.folder, outputDir)
	}
	return nil
}

func isBelow(folder, path string) bool {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return false
	}
	if path, err = filepath.Abs(path); err != nil {
		return false
	}
	relative, err := filepath.Rel(absolute, path)
	return err == nil && relative != "." && filepath.IsLocal(relative)
}
