package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// A vocabulary that grows keeps its rows; each new one is the mean of the old,
// in every matrix that has a row a token.
func TestVocabularyGrows(t *testing.T) {
	const old, more = 40, 3
	for name, text := range configs {
		t.Run(name, func(t *testing.T) {
			start := t.TempDir()
			made, err := model.Create([]byte(text), 3, cpu)
			require.NoError(t, err)
			defer made.Free()
			require.NoError(t, made.Save(start))

			wider := cpu
			wider.Vocab = old + more
			m, err := model.Load(start, wider)
			require.NoError(t, err)
			defer m.Free()
			require.EqualValues(t, more, m.Grown)
			grown := 0
			for i, p := range m.Params().All() {
				was := made.Params().All()[i].Tensor
				if !model.IsVocabulary(p.Name) {
					require.Equal(t, was.Floats(), p.Tensor.Floats(), p.Name)
					continue
				}
				grown++
				width := int(was.Size(1))
				rows, before := p.Tensor.Floats(), was.Floats()
				require.Equal(t, before, rows[:old*width])
				require.Len(t, rows, (old+more)*width)
				for c := range width {
					sum := 0.0
					for r := range old {
						sum += before[r*width+c]
					}
					for r := old; r < old+more; r++ {
						require.InDelta(t, sum/old, rows[r*width+c], 1e-6, "%s [%d, %d]", p.Name, r, c)
					}
				}
			}
			require.NotZero(t, grown)

			saved := t.TempDir()
			require.NoError(t, m.Save(saved))
			config, err := model.ReadConfig(saved)
			require.NoError(t, err)
			require.EqualValues(t, old+more, config.VocabSize)
			again, err := model.Load(saved, wider)
			require.NoError(t, err)
			defer again.Free()
			require.Zero(t, again.Grown)
			require.Equal(t, m.Params().Count(), again.Params().Count())
		})
	}
}

// A vocabulary that is cut keeps its first rows.
func TestVocabularyIsCut(t *testing.T) {
	start, saved := t.TempDir(), t.TempDir()
	made, err := model.Create([]byte(configs["llama"]), 3, cpu)
	require.NoError(t, err)
	defer made.Free()
	require.NoError(t, made.Save(start))
	less := cpu
	less.Vocab, less.CutVocab = 37, true
	m, err := model.Load(start, less)
	require.NoError(t, err)
	defer m.Free()
	require.EqualValues(t, -3, m.Grown)
	for i, p := range m.Params().All() {
		was := made.Params().All()[i].Tensor.Floats()
		if model.IsVocabulary(p.Name) {
			was = was[:37*p.Tensor.Size(1)]
		}
		require.Equal(t, was, p.Tensor.Floats(), p.Name)
	}
	require.NoError(t, m.Save(saved))
	config, err := model.ReadConfig(saved)
	require.NoError(t, err)
	require.EqualValues(t, 37, config.VocabSize)
}

// Without being cut a vocabulary does not shrink, and one that is large enough is unchanged.
func TestVocabularyStays(t *testing.T) {
	folder := t.TempDir()
	made, err := model.Create([]byte(configs["llama"]), 3, cpu)
	require.NoError(t, err)
	defer made.Free()
	require.NoError(t, made.Save(folder))
	for _, size := range []int64{0, 7, 40} {
		m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32, Vocab: size})
		require.NoError(t, err)
		require.Zero(t, m.Grown)
		require.Equal(t, made.ConfigText, m.ConfigText)
		m.Free()
	}
}

// A key that both configs have changes in both, but for the ends of a text.
func TestSetConfig(t *testing.T) {
	folder, saved := t.TempDir(), t.TempDir()
	made, err := model.Create([]byte(configs["llama"]), 3, cpu)
	require.NoError(t, err)
	defer made.Free()
	require.NoError(t, made.Save(folder))
	require.NoError(t, os.WriteFile(filepath.Join(folder, model.GenerationConfigName), []byte(`{"eos_token_id": 2, "pad_token_id": 0}`), 0o644))
	m, err := model.Load(folder, cpu)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.SetConfig("eos_token_id", 5))
	require.NoError(t, m.SetConfig("pad_token_id", 6))
	require.NoError(t, m.Save(saved))
	for name, want := range map[string][]int{model.ConfigName: {5, 6}, model.GenerationConfigName: {2, 6}} {
		text, err := os.ReadFile(filepath.Join(saved, name))
		require.NoError(t, err)
		var got struct {
			EOS int `json:"eos_token_id"`
			PAD int `json:"pad_token_id"`
		}
		require.NoError(t, json.Unmarshal(text, &got))
		require.True(t, slices.Equal(want, []int{got.EOS, got.PAD}), "%s: %+v", name, got)
	}
}

// A token that ends a text is one more of them, whatever the folder named before.
func TestAddEnd(t *testing.T) {
	for _, c := range []struct {
		name, config, generation, want string
		added                          bool
	}{
		{"another one", `2`, `{"eos_token_id": 2, "top_p": 0.9}`, `{"eos_token_id": [2, 7], "top_p": 0.9}`, true},
		{"one of several", `2`, `{"eos_token_id": [2, 7]}`, `{"eos_token_id": [2, 7]}`, false},
		{"beside several", `2`, `{"eos_token_id": [2, 3]}`, `{"eos_token_id": [2, 3, 7]}`, true},
		{"the only one", `2`, `{"eos_token_id": 7}`, `{"eos_token_id": 7}`, false},
		{"none", `2`, `{"top_p": 0.9}`, `{"top_p": 0.9, "eos_token_id": 7}`, true},
		{"null", `2`, `{"eos_token_id": null}`, `{"eos_token_id": 7}`, true},
		{"config.json's alone", `2`, "", `{"bos_token_id": 1, "eos_token_id": [2, 7]}`, true},
		{"the one of config.json", `7`, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder, saved := t.TempDir(), t.TempDir()
			config := strings.Replace(configs["llama"], "{", `{"bos_token_id": 1, "eos_token_id": `+c.config+", ", 1)
			made, err := model.Create([]byte(config), 3, cpu)
			require.NoError(t, err)
			defer made.Free()
			require.NoError(t, made.Save(folder))
			if c.generation != "" {
				require.NoError(t, os.WriteFile(filepath.Join(folder, model.GenerationConfigName), []byte(c.generation), 0o644))
			}
			m, err := model.Load(folder, cpu)
			require.NoError(t, err)
			defer m.Free()
			added, err := m.AddEnd(7)
			require.NoError(t, err)
			require.Equal(t, c.added, added)
			require.NoError(t, m.Save(saved))
			if c.want == "" {
				require.NoFileExists(t, filepath.Join(saved, model.GenerationConfigName))
				return
			}
			text, err := os.ReadFile(filepath.Join(saved, model.GenerationConfigName))
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(text))
		})
	}
}
