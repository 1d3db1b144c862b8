package lora

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// Load freezes the model of p and gives it the adapter of a folder, which is
// trained further where the caller trains.
func Load(p *nn.Params, folder string) (*Adapter, error) {
	c, err := ReadConfig(filepath.Join(folder, ConfigName))
	if err != nil {
		return nil, err
	}
	if c.Targets.Empty() {
		return nil, fmt.Errorf("%s: target_modules names nothing; want the names of the maps that the adapter's tensors belong to", filepath.Join(folder, ConfigName))
	}
	file, err := openWeights(folder)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := reader{file: file, params: p, used: map[string]bool{}}
	a, err := r.attach(c)
	if err != nil {
		return nil, err
	}
	a.FourBit = file.Metadata()[baseKey] == fourBit
	return a, nil
}

// openWeights opens the weights of an adapter.
func openWeights(folder string) (*safetensors.File, error) {
	path := filepath.Join(folder, WeightsName)
	file, err := safetensors.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; %s", path, insteadOf(folder))
	}
	if err != nil {
		return nil, err
	}
	for _, name := range file.Names() {
		if found := named.FindStringSubmatch(name); found != nil {
			file.Close()
			return nil, fmt.Errorf("%s: tensor %s has the name of an adapter in its own, %q, as the state of a model in training has it; save the adapter by PEFT's save_pretrained, which leaves the name out",
				path, name, found[1])
		}
	}
	return file, nil
}

// named is a tensor as PEFT's modules call it, with the name of its adapter.
var named = regexp.MustCompile(`\.lora_(?:A|B|embedding_A|embedding_B)\.([^.]+)\.weight$`)

// insteadOf says what a folder without the weights of an adapter holds, and what to do.
func insteadOf(folder string) string {
	const pickled = "adapter_model.bin"
	if _, err := os.Stat(filepath.Join(folder, pickled)); err == nil {
		return fmt.Sprintf(`the folder has %[1]s, which Python has to convert, there: python -c "import torch, safetensors.torch as s; t = torch.load('%[1]s', map_location='cpu', weights_only=True); s.save_file({k: v.contiguous().clone() for k, v in t.items()}, '%[2]s')"`,
			pickled, WeightsName)
	}
	if others, _ := filepath.Glob(filepath.Join(folder, "*.safetensors")); len(others) > 0 {
		return fmt.Sprintf("the folder has %s; rename it if it holds the adapter", filepath.Base(others[0]))
	}
	return "an adapter in PEFT's format has it beside " + ConfigName
}

// below says which folder below one that holds no adapter holds one, "" for none.
func below(folder string) string {
	found, _ := filepath.Glob(filepath.Join(folder, "*", ConfigName))
	if len(found) == 0 {
		return ""
	}
	return ", or give " + filepath.Dir(found[0]) + ", which holds one"
}

// reader gives a model the tensors of an adapter's file.
type reader struct {
	file   *safetensors.File
	params *nn.Params
	used   map[string]bool
}

func (r reader) attach(c Config) (a *Adapter, err error) {
	defer model.CatchSource(&err)
	others := r.otherHeads(&c)
	if a, err = attach(r.params, c, nil, r.read); err != nil {
		return nil, err
	}
	a.otherHeads = others
	for _, q := range a.saved {
		if err := r.fill(q); err != nil {
			return nil, err
		}
	}
	for _, name := range r.file.Names() {
		if r.used[name] {
			continue
		}
		q, found := r.owner(name)
		if !found {
			return nil, fmt.Errorf(
				"%s: tensor %s has no place in the model; is it the one that the adapter was trained on, %s?",
				r.file.Path(),
				name,
				c.Base,
			)
		}
		if err := r.fill(q); err != nil {
			return nil, err
		}
		a.stored = append(a.stored, q)
	}
	return a, nil
}

// heads are the modules of which a model has those of its task.
var heads = []string{"lm_head", "embed_out", "score", "classifier"}

// IsOfAnotherTask tells whether the file held a head that the model does not have.
func (a *Adapter) IsOfAnotherTask() bool { return len(a.otherHeads) > 0 }

// otherHeads are the heads in the file that a model of this task does not have: the
// adapter is that of another task. They are not read, and no part of c any more.
func (r reader) otherHeads(c *Config) (others []string) {
	for _, name := range r.file.Names() {
		module := nn.Param{Name: bare(name)}.Module()
		if _, found := r.owner(name); found || !slices.Contains(heads, module) {
			continue
		}
		r.used[name] = true
		if !slices.Contains(others, module) {
			others = append(others, module)
		}
	}
	if others != nil {
		c.ModulesToSave = slices.DeleteFunc(slices.Clone(c.ModulesToSave), func(name string) bool { return slices.Contains(heads, name) })
	}
	return others
}

// read is a source.
func (r reader) read(name string, device tensor.Device, shape ...int64) tensor.Tensor {
	r.used[name] = true
	if found, err := r.file.Get(name); err == nil && !slices.Equal(found.Shape, shape) {
		panic(model.SourceError{Err: fmt.Errorf("%s: tensor %s has shape %s, and the model of this task wants %s; is it the model that the adapter was trained on, and its task?",
			r.file.Path(), name, safetensors.ShapeText(found.Shape), safetensors.ShapeText(shape))})
	}
	t, err := model.Read(r.file, name, ConfigName, device, tensor.Float32, shape...)
	if err != nil {
		panic(model.SourceError{Err: err})
	}
	return t
}

// owner is the parameter of the model that a tensor of the file replaces: PEFT puts
// embeddings beside an adapter where their number changed or it was told to.
func (r reader) owner(name string) (nn.Param, bool) {
	bare, found := strings.CutPrefix(name, prefix)
	all := r.params.All()
	at := slices.IndexFunc(all, func(q nn.Param) bool {
		second := r.params.TiedTo(q.Name)
		return found && (q.Name == bare || peftName(q.Name) == bare || second != "" && (second == bare || peftName(second) == bare))
	})
	if at < 0 {
		return nn.Param{}, false
	}
	return all[at], true
}

// fill gives a parameter of the model its value in the file.
func (r reader) fill(q nn.Param) error {
	name := r.nameOf(q.Name)
	if second := r.params.TiedTo(q.Name); second != "" {
		var err error
		if name, err = r.tied(q, name, r.nameOf(second)); err != nil {
			return err
		}
	}
	stored := r.read(name, q.Tensor.Device(), q.Tensor.Shape()...)
	q.Tensor.CopyTensor(stored)
	stored.Free()
	return nil
}

// nameOf is the name of a parameter of the model in the file: PEFT's, or the model's own.
func (r reader) nameOf(name string) string {
	if _, err := r.file.Get(prefix + name); err == nil {
		return prefix + name
	}
	return prefix + peftName(name)
}

// tied is the name under which the file has a tied matrix. It refuses a file that
// holds two values for it, or one that PEFT trained apart from the other.
func (r reader) tied(q nn.Param, first, second string) (string, error) {
	r.used[first], r.used[second] = true, true
	const fix = "untie them in the model's config.json, with both matrices in its weights"
	a, errA := r.file.Get(first)
	b, errB := r.file.Get(second)
	switch {
	case errA == nil && errB == nil && !bytes.Equal(a.Data, b.Data):
		return "", fmt.Errorf("%s: the model ties %s and %s, and the adapter holds a value for each; %s", r.file.Path(), bare(first), bare(second), fix)
	case errA == nil && errB == nil, !q.Tensor.RequiresGrad() && errA == nil:
		return first, nil
	case !q.Tensor.RequiresGrad():
		return second, nil
	case errA == nil:
		first, second = second, first
	}
	return "", fmt.Errorf("%s: the model ties %s and %s, and the adapter was trained with %s alone, apart from the other; %s", r.file.Path(), bare(first), bare(second), bare(second), fix)
}

func bare(name string) string { return strings.TrimPrefix(name, prefix) }
