package host_test

import (
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// oneTypeBERT is a BERT without a second token type.
func oneTypeBERT(t *testing.T) string {
	folder := bert(t)
	file := filepath.Join(folder, "config.json")
	written(t, file, strings.Replace(contents(t, file), `"vocab_size"`, `"type_vocab_size": 1, "vocab_size"`, 1))
	return folder
}

// Sequences that a model has no place for are found in the files of both kinds
// before a weight is read.
func TestSequencesBeyondTheModel(t *testing.T) {
	for _, c := range []struct {
		name   string
		record string
		model  func(t *testing.T) string // nil is that of lesson, with a tokenizer of one token more
		want   string                    // {} is the file, {/} the model's folder
	}{
		{"learned positions", `{"text": "` + strings.Repeat("good ", 70) + `", "label": "up"}`, bert,
			"{}:3: a sequence has 212 tokens, and the model {/} has positions for 64 (max_position_embeddings); set max_length = 64, which cuts longer ones"},
		{"token types", `{"text": "we like it", "text_pair": "a", "label": "up"}`, oneTypeBERT,
			"{}:3: the second text of a pair, such as text_pair, has tokens of type 1, and the model {/} has type_vocab_size 1; leave it out of the records, or take a model that reads pairs"},
		{"ids", `{"text": "we like the <more>", "label": "up"}`, nil,
			"{}:3: the text has the token 260, and the model {/} has vocab_size 260; give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow"},
	} {
		for name, files := range map[string]func(*config.Settings) *[]string{
			"train": func(s *config.Settings) *[]string { return &s.DataPaths },
			"eval":  func(s *config.Settings) *[]string { return &s.EvalDataPaths },
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				s := lesson(t, "classification", tone, nil)
				s.MaxLength, s.OutputDir = 512, filepath.Join(t.TempDir(), "run")
				if c.model != nil {
					s.Model = c.model(t)
				} else {
					s.Tokenizer = widerTokenizer(t)
				}
				fine := `{"text": "we like the cat", "label": "up"}` + "\n" + `{"text": "they hate it", "label": "down"}` + "\n"
				file := written(t, filepath.Join(t.TempDir(), "data.jsonl"), fine+c.record+"\n")
				*files(&s) = []string{file}
				_, err := trained(s)
				require.EqualError(t, err, strings.NewReplacer("{}", file, "{/}", s.Model).Replace(c.want))
				require.NoDirExists(t, s.OutputDir)
			})
		}
	}
}

// Rotary positions go on beyond those that a model was made for, as in transformers;
// a run says so before it reads the model.
func TestSequencesBeyondRotaryPositions(t *testing.T) {
	s := lesson(t, "classification", tone, nil)
	s.Model, s.NumTrainEpochs, s.MaxLength = gptNeoX(t), 1, 100
	require.Contains(t, mustTrain(t, s), "note: max_length is 100, and "+s.Model+" was made for 64 positions (max_position_embeddings); no sequence is longer than those\n")

	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "long.jsonl"), `{"text": "short", "label": "up"}`+"\n"+
		`{"text": "`+strings.Repeat("long ", 15)+`", "label": "down"}`+"\n")}
	s.OutputDir = filepath.Join(t.TempDir(), "run")
	require.Contains(t, mustTrain(t, s), "note: 1 sequence longer than the 64 positions that "+s.Model+" was made for (max_position_embeddings), the first at "+
		s.DataPaths[0]+":2 with 77 tokens; rotary positions go on beyond those, as in transformers; max_length = 64 would cut it\n")
}
