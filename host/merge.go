package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

// MergeOptions says what Merge puts together.
type MergeOptions struct {
	Model     string // folder of the base; "" is the one that the adapter names
	Adapter   string // folder in PEFT's format
	Tokenizer string // folder; "" is the adapter's where it has one, else the base's
	OutputDir string // absent or empty
	Tolerance float64
}

// Merged is what came of it.
type Merged struct {
	Maps int     // that the adapter changed
	Gap  float64 // between what model and adapter give and what was written, relative to the largest number
}

// Merge writes a model that computes without an adapter what it did with one.
// It reads back what it wrote, runs both over rows of random tokens, and fails
// where they part by more than the tolerance.
func Merge(m MergeOptions) (out Merged, err error) {
	defer tensor.Catch(&err)
	if err := wantEmpty(m.OutputDir); err != nil {
		return out, err
	}
	if err := m.settle(); err != nil {
		return out, err
	}
	options := model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32,
		IgnoreMismatchedSizes: true} // the adapter holds the head
	if options.Heads, err = lora.Heads(m.Adapter); err != nil {
		return out, err
	}
	if options.Vocab, err = lora.VocabSize(m.Adapter); err != nil {
		return out, err
	}
	merged, err := model.Load(m.Model, options)
	if err != nil {
		return out, err
	}
	defer merged.Free()
	adapter, err := lora.Load(merged.Params(), m.Adapter)
	if err != nil {
		return out, err
	}
	if adapter.FourBit { // what it was trained on
		merged.Params().RoundNF4()
	}
	out.Maps = adapter.Len()
	want := probe(merged)
	if err := adapter.Merge(); err != nil {
		return out, err
	}
	if err := m.write(merged); err != nil {
		return out, err
	}
	again, err := model.Load(m.OutputDir, options)
	if err != nil {
		return out, err
	}
	defer again.Free()
	if out.Gap = gap(want, probe(again)); !(out.Gap <= m.Tolerance) {
		return out, fmt.Errorf("what was written to %s parts from the model with its adapter by %.2g of the largest number; want at most %.2g: do not use it", m.OutputDir, out.Gap, m.Tolerance)
	}
	return out, nil
}

// settle finds the folders that were left out.
func (m *MergeOptions) settle() error {
	c, err := lora.ReadConfig(filepath.Join(m.Adapter, lora.ConfigName))
	if err != nil {
		return err
	}
	if m.Model == "" {
		m.Model = c.Base
	}
	if m.Tokenizer == "" {
		m.Tokenizer = m.Model
		if _, err := os.Stat(filepath.Join(m.Adapter, "tokenizer.json")); err == nil {
			m.Tokenizer = m.Adapter
		}
	}
	return tensor.Load()
}

// write saves the model, with a tokenizer where there is one.
func (m MergeOptions) write(merged *model.Model) error {
	if err := os.MkdirAll(m.OutputDir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(m.Tokenizer, "tokenizer.json")); err == nil {
		tok, err := tokenizer.Load(m.Tokenizer)
		if err != nil {
			return err
		}
		defer tok.Close()
		merged.PadID = int64(tok.Special().PAD)
		if err := tok.Save(m.OutputDir, atomicfile.WriteFile); err != nil {
			return err
		}
	}
	return merged.Save(m.OutputDir)
}

// probe runs rows of random tokens through a model: what its heads give, or its
// hidden states where it has none that predicts tokens.
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
		most, apart = max(most, math.Abs(v)), max(apart, math.Abs(v-got[i]))
	}
	return apart / max(most, math.SmallestNonzeroFloat64)
}
