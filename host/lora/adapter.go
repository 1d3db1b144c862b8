package lora

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/atomicfile"
	"llmhost/host/model"
	"llmhost/host/nearest"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// prefix is what PEFT's files put before a model's own names.
const prefix = "base_model.model."

// Adapter is an adapter on a model.
type Adapter struct {
	Config  Config
	Classes []model.ClassHead // whose names are saved beside the weights
	FourBit bool              // the weights that it adapts are in 4 bits, which is saved too
	params  *nn.Params
	maps    []*nn.Linear // with an adapter each
	saved   []nn.Param   // of the model's own, trained whole
}

// Attach freezes the model of p and gives it adapters with fresh weights: A
// drawn as PEFT does, B 0, so that the model computes the same as before. heads names
// parameters that are trained and saved besides modules_to_save.
func Attach(p *nn.Params, c Config, heads []string) (*Adapter, error) {
	draw := func(name string, device tensor.Device, shape []int64) tensor.Tensor {
		return initial(c, name, device, shape)
	}
	return attach(p, c, heads, draw)
}

// source gives the tensor of an adapter by its name in PEFT's file.
type source func(name string, device tensor.Device, shape []int64) tensor.Tensor

func attach(p *nn.Params, c Config, heads []string, from source) (a *Adapter, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	defer tensor.Catch(&err)
	a = &Adapter{Config: c, params: p}
	if a.maps, err = targets(p.Linears(), c); err != nil {
		return nil, err
	}
	p.Freeze()
	if err := a.unfreeze(heads); err != nil {
		return nil, err
	}
	for _, l := range a.maps {
		if err := a.adapt(l, from); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// targets are the maps that the config names.
func targets(maps []*nn.Linear, c Config) (chosen []*nn.Linear, err error) {
	all := strings.EqualFold(c.Targets.Pattern, AllLinear)
	for _, l := range maps {
		fits := all
		if !all {
			if fits, err = c.Targets.match(l.Name); err != nil {
				return nil, err
			}
		}
		out, err := c.Exclude.match(l.Name)
		if err != nil {
			return nil, err
		}
		if fits && !out && !c.saves(l.Name) && c.Layers.match(l.Name) {
			chosen = append(chosen, l)
		}
	}
	for _, name := range c.Targets.Names {
		if !slices.ContainsFunc(maps, func(l *nn.Linear) bool { return isModule(l.Name, name) }) {
			return nil, fmt.Errorf(
				"lora_target_modules: the model has no linear map called %s, only %s%s",
				name,
				strings.Join(kinds(maps), ", "),
				nearest.Hint(name, kinds(maps)),
			)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf(
			"lora_target_modules %s fits no linear map of the model; it has %s",
			c.Targets.Pattern,
			strings.Join(kinds(maps), ", "),
		)
	}
	return chosen, nil
}

// kinds are the last parts of the names of maps, each once.
func kinds(maps []*nn.Linear) (names []string) {
	for _, l := range maps {
		last := nn.LastPart(l.Name)
		if !slices.Contains(names, last) {
			names = append(names, last)
		}
	}
	return names
}

// unfreeze trains the parameters that are saved whole: those that
// modules_to_save names by the end of their modules' names, as PEFT does, and heads.
func (a *Adapter) unfreeze(heads []string) error {
	for _, q := range a.params.All() {
		modules := []string{q.Module()}
		if second := a.params.TiedTo(q.Name); second != "" {
			modules = append(modules, nn.Param{Name: second}.Module())
		}
		named := slices.ContainsFunc(modules, a.Config.saves)
		if !named && !slices.Contains(heads, q.Name) {
			continue
		}
		a.saved = append(a.saved, nn.Param{Name: q.Name, Tensor: q.Tensor.RequireGrad()})
		a.Config.TieWeights = a.Config.TieWeights || len(modules) > 1
		for _, module := range modules { // a tied matrix under both names, or PEFT would untie them
			if !a.Config.saves(module) {
				a.Config.ModulesToSave = append(a.Config.ModulesToSave, nn.LastPart(module))
			}
		}
	}
	for _, name := range a.Config.ModulesToSave {
		if !slices.ContainsFunc(a.names(), func(saved string) bool { return strings.HasSuffix(nn.Param{Name: saved}.Module(), name) }) {
			return fmt.Errorf("modules_to_save: the model has no module called %s with weights of its own", name)
		}
	}
	return nil
}

// saves tells whether modules_to_save names a module.
func (c Config) saves(module string) bool {
	return slices.ContainsFunc(c.ModulesToSave, func(name string) bool { return strings.HasSuffix(module, name) })
}

// names are those under which parameters are saved whole, second ones too.
func (a *Adapter) names() (names []string) {
	for _, q := range a.saved {
		names = append(names, q.Name)
		if second := a.params.TiedTo(q.Name); second != "" {
			names = append(names, second)
		}
	}
	return names
}

// adapt gives one map its adapter.
func (a *Adapter) adapt(l *nn.Linear, from source) error {
	rank, err := byPattern(a.Config.RankPattern, l.Name, a.Config.R)
	if err != nil {
		return err
	}
	alpha, err := byPattern(a.Config.AlphaPattern, l.Name, a.Config.Alpha)
	if err != nil {
		return err
	}
	out := l.Size(0)
	in := l.Size(1)
	device := l.Device()
	get := func(part string, shape ...int64) tensor.Tensor {
		name := prefix + l.Name + "." + part
		t := from(name, device, shape).RequireGrad()
		a.params.Add(name, t)
		return t
	}
	adapter := nn.Adapter{Scale: a.Config.scale(alpha, rank), Dropout: a.Config.Dropout,
		A: get("lora_A.weight", int64(rank), in), B: get("lora_B.weight", out, int64(rank))}
	if a.Config.DoRA {
		name := prefix + l.Name + ".lora_magnitude_vector"
		if adapter.Magnitude = from(name, device, []int64{out}); !adapter.Magnitude.Defined() {
			adapter.Magnitude = lengths(l)
		}
		adapter.Magnitude.RequireGrad()
		a.params.Add(name, adapter.Magnitude)
	}
	a.params.Adapt(l, adapter)
	return nil
}

// lengths are those of the rows of a map's weight.
func lengths(l *nn.Linear) (out tensor.Tensor) {
	tensor.Scoped(func() {
		out = l.Whole(tensor.Float32).Detach().Square().SumDim(1, false).Sqrt().Own()
	})
	return out
}

// initial draws A uniformly between ±1/√in (He et al. 2015 with PyTorch's slope
// √5), or for "gaussian" from N(0, 1/r²); B is 0. Magnitudes follow from the weight.
func initial(c Config, name string, device tensor.Device, shape []int64) (t tensor.Tensor) {
	tensor.Scoped(func() {
		switch {
		case strings.HasSuffix(name, "lora_B.weight"):
			t = tensor.Zeros(tensor.CPU, tensor.Float32, shape...)
		case !strings.HasSuffix(name, "lora_A.weight"):
			return
		case c.InitLoRAWeights == "gaussian":
			t = tensor.Randn(tensor.CPU, tensor.Float32, 1/float64(shape[0]), shape...)
		default:
			bound := 1 / math.Sqrt(float64(shape[1]))
			t = tensor.Uniform(tensor.CPU, tensor.Float32, -bound, bound, shape...)
		}
		t = t.ToDevice(device).Own()
	})
	return t
}

// Load freezes the model of p and gives it the adapter of a folder, which is
// trained further where the caller trains.
func Load(p *nn.Params, folder string) (*Adapter, error) {
	c, err := ReadConfig(filepath.Join(folder, ConfigName))
	if err != nil {
		return nil, err
	}
	file, err := openWeights(folder)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	used := map[string]bool{}
	a, err := attachFrom(p, c, file, used)
	if err != nil {
		return nil, err
	}
	a.FourBit = file.Metadata()[baseKey] == fourBit
	for _, name := range file.Names() {
		if !used[name] {
			return nil, fmt.Errorf(
				"%s: tensor %s has no place in the model; is it the one that the adapter was trained on, %s?",
				file.Path(),
				name,
				c.Base,
			)
		}
	}
	return a, nil
}

// openWeights opens the weights of an adapter.
func openWeights(folder string) (*safetensors.File, error) {
	path := filepath.Join(folder, WeightsName)
	file, err := safetensors.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; an adapter of llmhost has it beside %s", path, ConfigName)
	}
	return file, err
}

// sourceError carries an error of a file through attach.
type sourceError struct{ error }

func attachFrom(p *nn.Params, c Config, file *safetensors.File, used map[string]bool) (a *Adapter, err error) {
	defer func() {
		if r := recover(); r != nil {
			failed, ok := r.(sourceError)
			if !ok {
				panic(r)
			}
			err = failed.error
		}
	}()
	read := func(name string, device tensor.Device, shape []int64) tensor.Tensor {
		used[name] = true
		t, err := model.Read(file, name, ConfigName, device, tensor.Float32, shape...)
		if err != nil {
			panic(sourceError{err})
		}
		return t
	}
	if a, err = attach(p, c, nil, read); err != nil {
		return nil, err
	}
	for _, q := range a.saved {
		stored := read(prefix+q.Name, q.Tensor.Device(), q.Tensor.Shape())
		q.Tensor.CopyTensor(stored)
		stored.Free()
		if second := p.TiedTo(q.Name); second != "" {
			used[prefix+second] = true
			if err := sameTensor(file, prefix+q.Name, prefix+second); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// sameTensor refuses an adapter that holds two values for one tied matrix of the
// model, one under each of its names.
func sameTensor(file *safetensors.File, first, second string) error {
	a, err := file.Get(first)
	if err != nil {
		return err
	}
	if b, err := file.Get(second); err != nil || !bytes.Equal(a.Data, b.Data) {
		return fmt.Errorf("%s: the model ties %s and %s, and the adapter holds a value for each; untie them in the model's config.json, with both matrices in its weights", file.Path(),
			strings.TrimPrefix(first, prefix), strings.TrimPrefix(second, prefix))
	}
	return nil
}

// Saved names the parameters of the model that are trained and saved whole.
func (a *Adapter) Saved() (names []string) {
	for _, q := range a.saved {
		names = append(names, q.Name)
	}
	return names
}

// Len is the number of maps that have an adapter.
func (a *Adapter) Len() int { return len(a.maps) }

// Sources are the tensors of the adapter's file.
func (a *Adapter) Sources() (sources []safetensors.Source) {
	for _, q := range a.params.All() {
		if strings.HasPrefix(q.Name, prefix) {
			sources = append(sources, model.SourceOf(q.Name, q.Tensor))
		}
	}
	for _, q := range a.saved {
		sources = append(sources, model.SourceOf(prefix+q.Name, q.Tensor))
		if second := a.params.TiedTo(q.Name); second != "" {
			sources = append(sources, model.SourceOf(prefix+second, q.Tensor))
		}
	}
	return sources
}

// Save writes the two files of the adapter into folder, each atomically.
func (a *Adapter) Save(folder string) error {
	return a.save(folder, safetensors.Write, atomicfile.WriteFile)
}

// SaveInto is Save into a fresh folder that is made durable as a whole.
func (a *Adapter) SaveInto(folder string) error {
	return a.save(folder, safetensors.WriteInto, func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) })
}

func (a *Adapter) save(folder string, weights func(string, []safetensors.Source, map[string]string) error, write func(string, []byte) error) error {
	if err := weights(filepath.Join(folder, WeightsName), a.Sources(), a.metadata()); err != nil {
		return err
	}
	return write(filepath.Join(folder, ConfigName), a.Config.json())
}

// Merge adds the adapters to the weights that they adapt and removes them; the
// model computes the same as before, up to rounding.
func (a *Adapter) Merge() (err error) {
	defer tensor.Catch(&err)
	for _, l := range a.maps {
		tensor.Scoped(func() {
			tensor.NoGrad(func() { l.Weight.CopyTensor(l.Merged()) })
		})
		l.Adapter = nil
	}
	a.params.Drop(func(name string) bool { return strings.HasPrefix(name, prefix) })
	a.maps = nil
	return nil
}
