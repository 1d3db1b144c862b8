package host

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/host/data"
	"llmhost/host/lm"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/rundir"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

// MergeOptions says what Merge merges.
type MergeOptions struct {
	Model     string // folder of the base; "" is the one that the adapter names
	Adapter   string // folder in PEFT's format
	Tokenizer string // folder; "" is the adapter's where it has one, else the base's
	OutputDir string // absent or empty
	Tolerance float64
	SaveDType string // as save_dtype, "" for auto

	Note rundir.Noter // takes sentences for the user
}

// Merged is the result of Merge.
type Merged struct {
	Maps  int     // that the adapter changed
	Gap   float64 // between the outputs of model with adapter and of what was written, before rounding, relative to the largest number
	DType string  // of the weights that were written
	// Rounding is the gap with the weights rounded to that type.
	Rounding float64
}

// Merge writes a model that computes without an adapter what it computed with one.
// It reads back what it wrote, runs both over sequences of random tokens, and
// fails where they differ by more than the tolerance.
func Merge(m MergeOptions) (out Merged, err error) {
	defer tensor.Catch(&err)
	src, err := m.source()
	if err != nil {
		return out, err
	}
	inputs := []input{
		{"model_name_or_path", src.Weights},
		{"adapter_name_or_path", src.Adapter},
		{"tokenizer_name_or_path", src.Tokenizer},
	}
	if err := wantApart(m.OutputDir, inputs); err != nil {
		return out, err
	}
	claim, err := rundir.HoldEmpty(m.OutputDir, "merge", m.Note)
	if err != nil {
		return out, err
	}
	defer claim.Release()
	options := lm.Options{Device: tensor.CPU, Compute: tensor.Float32, SaveDType: m.SaveDType}
	merged, err := lm.Open(src, nil, options)
	if err != nil {
		return out, err
	}
	defer merged.Free()
	if merged.Adapter.FourBit { // it was trained on the rounded weights
		merged.Params().RoundNF4()
	}
	out.Maps = merged.Adapter.Len()
	want := probe(merged.Model)
	if err := merged.Adapter.Merge(); err != nil {
		return out, err
	}
	merged.Adapter = nil // it is in the weights
	saved := merged.SavedType()
	out.DType = saved.String()
	whole := probe(merged.Model)
	merged.Round(saved)
	if err := writeMerged(merged, src.Tokenizer, m.OutputDir); err != nil {
		return out, err
	}
	options.Heads = &merged.Heads
	written, err := lm.Open(lm.Source{Name: m.OutputDir, Weights: m.OutputDir}, nil, options)
	if err != nil {
		return out, err
	}
	defer written.Free()
	read := probe(written.Model)
	out.Gap = max(gap(want, whole), gap(probe(merged.Model), read)) // rounding apart
	if out.Rounding = gap(want, read); !(out.Gap <= m.Tolerance) {
		return out, fmt.Errorf(
			"the model written to %s differs from the model with its adapter by %.2g of the largest number; want at most %.2g: do not use it",
			m.OutputDir,
			out.Gap,
			m.Tolerance,
		)
	}
	return out, nil
}

// Rounded says how far the type of the written weights moves its numbers, "" for
// float32.
func (m Merged) Rounded() string {
	if m.DType == tensor.Float32.String() {
		return ""
	}
	return fmt.Sprintf(" before its weights are rounded to %s, and by %.1g after", m.DType, m.Rounding)
}

// SetSaveDType takes a value of save_dtype.
func (m *MergeOptions) SetSaveDType(value string) error {
	if _, known := model.DTypeOf(value); !known && value != "auto" {
		return fmt.Errorf("want auto, float32, bfloat16 or float16")
	}
	m.SaveDType = value
	return nil
}

// source finds the folders that were left out.
func (m MergeOptions) source() (lm.Source, error) {
	c, err := lora.ReadConfig(filepath.Join(m.Adapter, lora.ConfigName))
	if err != nil {
		return lm.Source{}, err
	}
	base := cmp.Or(m.Model, c.Base)
	src := lm.Source{
		Name:      base,
		Weights:   base,
		Adapter:   m.Adapter,
		Tokenizer: m.Tokenizer,
	}
	if src.Tokenizer == "" {
		src.Tokenizer = base
		if hasTokenizer(m.Adapter) {
			src.Tokenizer = m.Adapter
		}
	}
	return src, tensor.Load()
}

func hasTokenizer(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "tokenizer.json"))
	return err == nil
}

// writeMerged saves the model, with a tokenizer where there is one.
func writeMerged(merged *lm.Model, tokenizerFolder, dir string) error {
	if !hasTokenizer(tokenizerFolder) {
		return merged.Save(dir)
	}
	tok, err := tokenizer.Load(tokenizerFolder)
	if err != nil {
		return err
	}
	defer tok.Close()
	if err := merged.SettlePad(tok); err != nil {
		return err
	}
	if err := tok.Save(dir, atomicfile.WriteFile); err != nil {
		return err
	}
	return merged.Save(dir)
}

// probe runs sequences of random tokens through a model: the outputs of its heads,
// or its hidden states where it has none that predicts tokens.
func probe(m *model.Model) (numbers []float64) {
	rng := rand.New(rand.NewPCG(7, 7))
	var examples []data.Example
	for _, length := range []int{1, 5, 17, 31} {
		ids := make([]int64, min(int64(length), max(1, m.Config.MaxLength)))
		for i := range ids {
			ids[i] = rng.Int64N(m.Config.VocabSize)
		}
		examples = append(examples, data.Example{Sequences: []data.Sequence{{IDs: ids, Labels: ids}}})
	}
	b := data.Pack(examples, false)
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
			if m.Score != nil {
				numbers = append(numbers, m.Score.Forward(hidden).Floats()...)
			}
			for _, h := range m.Heads.Classes {
				numbers = append(numbers, m.Classes[h.Name].Forward(hidden).Floats()...)
			}
			if m.Head().Defined() {
				hidden = m.Head().Logits(hidden)
			}
			numbers = append(numbers, hidden.Floats()...)
		})
	})
	return numbers
}

// gap is the largest difference, relative to the largest number.
func gap(want, got []float64) float64 {
	most, apart := 0.0, 0.0
	for i, v := range want {
		most = max(most, math.Abs(v))
		apart = max(apart, math.Abs(v-got[i]))
	}
	return apart / max(most, math.SmallestNonzeroFloat64)
}
