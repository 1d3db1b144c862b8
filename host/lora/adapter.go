package lora

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/atomicfile"
	"llmhost/host/model"
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
	stored  []nn.Param   // of the model's own, which the file brought, frozen

	otherHeads []string // in the file, of a task that is not the model's
}

// Attach freezes the model of p and gives it adapters with weights as
// init_lora_weights says, by default A drawn as PEFT does and B 0, so that the
// model computes the same as before. heads names parameters that are trained and
// saved besides modules_to_save.
func Attach(p *nn.Params, c Config, heads []string) (*Adapter, error) {
	if err := c.checkNew(); err != nil {
		return nil, err
	}
	return attach(p, c, heads, nil)
}

// source gives the tensor of an adapter by its name in PEFT's file.
type source func(name string, device tensor.Device, shape ...int64) tensor.Tensor

// attach gives the model adapters whose weights come from a source; nil makes new ones.
func attach(p *nn.Params, c Config, heads []string, from source) (a *Adapter, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	defer tensor.Catch(&err)
	a = &Adapter{Config: c, params: p}
	p.Freeze()
	if err := a.unfreeze(heads); err != nil {
		return nil, err
	}
	if a.maps, err = a.targets(); err != nil {
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
func (a *Adapter) targets() (chosen []*nn.Linear, err error) {
	c := a.Config
	if c.Targets.Empty() {
		return nil, fmt.Errorf("%s names nothing; want names of modules or %q", c.TargetsName, AllLinear)
	}
	maps := a.params.Linears()
	for _, l := range maps {
		fits, err := c.adapts(l.Name)
		if err != nil {
			return nil, err
		}
		if fits {
			chosen = append(chosen, l)
		}
	}
	if err := a.checkOthers(); err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf(
			"%s %s fits no linear map of the model that is free; it has %s%s",
			c.TargetsName,
			c.Targets,
			strings.Join(kinds(maps), ", "),
			a.nearestOf(c.Targets.Names),
		)
	}
	return chosen, nil
}

// checkOthers refuses adapters on what is no linear map, and on maps that are saved whole.
func (a *Adapter) checkOthers() error {
	if a.Config.Targets.allLinear() {
		return nil
	}
	linear := map[string]bool{}
	for _, l := range a.params.Linears() {
		linear[l.Name] = true
	}
	for _, module := range a.modules() {
		fits, err := a.Config.adapts(module)
		if err != nil {
			return err
		}
		if fits && !linear[module] && !a.isSaved(module) {
			return fmt.Errorf("%s %s fits %s, and llmhost puts adapters on the linear maps below the heads alone; exclude it, or train it whole by modules_to_save",
				a.Config.TargetsName, a.Config.Targets, module)
		}
	}
	return nil
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

// adapt gives one map its adapter.
func (a *Adapter) adapt(l *nn.Linear, from source) error {
	if a.Config.saves(l.Name) {
		return fmt.Errorf("modules_to_save has a name that %s, which gets an adapter, ends with; write the whole name of the module", l.Name)
	}
	rank, err := a.Config.RankPattern.of("rank_pattern", l.Name, a.Config.R)
	if err != nil {
		return err
	}
	alpha, err := a.Config.AlphaPattern.of("alpha_pattern", l.Name, a.Config.Alpha)
	if err != nil {
		return err
	}
	adapter := nn.Adapter{Scale: a.Config.scale(alpha, rank), Dropout: a.Config.Dropout}
	begun, err := a.begin(l, rank, adapter.Scale, from)
	if err != nil {
		return err
	}
	adapter.A = a.add(l, "lora_A.weight", begun.a)
	adapter.B = a.add(l, "lora_B.weight", begun.b)
	if a.Config.Init == MiCA { // which trains A alone
		adapter.B.Freeze()
	}
	if a.Config.DoRA {
		const part = "lora_magnitude_vector"
		if from != nil {
			adapter.Magnitude = a.add(l, part, from(nameOf(l, part), l.Device(), l.Size(0)))
		} else {
			adapter.Magnitude = a.add(l, part, lengths(l, adapter))
		}
	}
	a.params.Adapt(l, adapter)
	return nil
}

// begin gives the A and B that a map's adapter begins with, from the source where there is
// one, and takes off the map's weight what the adapter stands for instead.
func (a *Adapter) begin(l *nn.Linear, rank int, scale float64, from source) (p pair, err error) {
	init := a.Config.Init
	if from == nil || init.changesBase() {
		if p, err = a.Config.initial(l, rank, scale); err != nil {
			return p, err
		}
	}
	if init.changesBase() {
		p.takeFrom(l, scale)
	}
	if from == nil {
		return p, nil
	}
	k := int64(rank)
	if init.changesBase() {
		k = p.a.Size(0)
		p.free()
	}
	return pair{
		a: from(nameOf(l, "lora_A.weight"), l.Device(), k, l.Size(1)),
		b: from(nameOf(l, "lora_B.weight"), l.Device(), l.Size(0), k),
	}, nil
}

// add makes a tensor a trained parameter of the adapter of a map.
func (a *Adapter) add(l *nn.Linear, part string, t tensor.Tensor) tensor.Tensor {
	a.params.Add(nameOf(l, part), t)
	return t.RequireGrad()
}

// nameOf is the name of a part of a map's adapter in PEFT's file.
func nameOf(l *nn.Linear, part string) string { return prefix + l.Name + "." + part }

// lengths are those of the rows of a map's weight with its adapter.
func lengths(l *nn.Linear, a nn.Adapter) (out tensor.Tensor) {
	tensor.Scoped(func() {
		change := a.B.Detach().Matmul(a.A.Detach()).MulScalar(a.Scale)
		out = l.Whole(tensor.Float32).Detach().Add(change).Square().SumDim(1, false).Sqrt().Own()
	})
	return out
}

// Saved names the parameters of the model that are trained and saved whole.
func (a *Adapter) Saved() (names []string) {
	for _, q := range a.saved {
		names = append(names, q.Name)
	}
	return names
}

// Held names the parameters of the model that have their values from the adapter's file
// or are saved in it.
func (a *Adapter) Held() (names []string) {
	for _, q := range a.stored {
		names = append(names, q.Name)
	}
	return append(a.Saved(), names...)
}

// AddHeads trains and saves the parameters of heads that the adapter does not hold, and
// tells whether there are any.
func (a *Adapter) AddHeads(names []string) (added bool) {
	held := a.Held()
	for _, q := range a.params.All() {
		if slices.Contains(names, q.Name) && !slices.Contains(held, q.Name) {
			a.train(q)
			added = true
		}
	}
	return added
}

// ChangesBase tells whether the weights below the adapter are others than the
// base's, and by which init_lora_weights.
func (a *Adapter) ChangesBase() (string, bool) {
	return string(a.Config.Init), a.Config.Init.changesBase()
}

// Len is the number of maps that have an adapter.
func (a *Adapter) Len() int { return len(a.maps) }

// Types are those of the tensors in an adapter's file.
type Types struct {
	Maps  tensor.DType // of what is added to linear maps
	Whole tensor.DType // of parameters that are saved whole
}

// trained are the types that an adapter is trained in.
var trained = Types{tensor.Float32, tensor.Float32}

// sources are the tensors of the adapter's file.
func (a *Adapter) sources(types Types) (sources []safetensors.Source) {
	for _, q := range a.params.All() {
		if strings.HasPrefix(q.Name, prefix) {
			sources = append(sources, model.SourceAs(q.Name, q.Tensor, types.Maps))
		}
	}
	for _, q := range slices.Concat(a.saved, a.stored) {
		for _, name := range a.namesOf(q) {
			sources = append(sources, model.SourceAs(prefix+name, q.Tensor, types.Whole))
		}
	}
	return sources
}

// Save writes the two files of the adapter into folder, each atomically.
func (a *Adapter) Save(folder string) error { return a.SaveAs(folder, trained) }

// SaveAs is Save with tensors that are rounded to types.
func (a *Adapter) SaveAs(folder string, types Types) error {
	return a.save(folder, types, safetensors.Write, atomicfile.WriteFile)
}

// SaveInto is Save into a fresh folder that is made durable as a whole.
func (a *Adapter) SaveInto(folder string) error {
	return a.save(folder, trained, safetensors.WriteInto, func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) })
}

func (a *Adapter) save(folder string, types Types, weights func(string, []safetensors.Source, map[string]string) error, write func(string, []byte) error) error {
	if err := weights(filepath.Join(folder, WeightsName), a.sources(types), a.metadata()); err != nil {
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
