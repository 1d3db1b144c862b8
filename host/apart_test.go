package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"llmhost/host"
	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// A run never writes over a folder that it reads, however the two are spelled.
func TestOutputDirIsNoInput(t *testing.T) {
	spellings := map[string]func(t *testing.T, folder string) string{
		"the same text": func(_ *testing.T, folder string) string { return folder },
		"more slashes":  func(_ *testing.T, folder string) string { return filepath.Dir(folder) + "/./model//" },
		"a way around":  func(_ *testing.T, folder string) string { return folder + "/../model" },
		"a link": func(t *testing.T, folder string) string {
			link := filepath.Join(t.TempDir(), "link")
			require.NoError(t, os.Symlink(folder, link))
			return link
		},
	}
	inputs := map[string]func(s *config.Settings, folder string){
		"model_name_or_path":     func(s *config.Settings, folder string) { s.Model = folder },
		"ref_model_name_or_path": func(s *config.Settings, folder string) { s.RefModel = folder },
		"adapter_name_or_path":   func(s *config.Settings, folder string) { s.Adapter = folder },
		"tokenizer_name_or_path": func(s *config.Settings, folder string) { s.Tokenizer = folder },
		"peft_config_path":       func(s *config.Settings, folder string) { s.PEFTConfigPath = filepath.Join(folder, "lora.json") },
	}
	for setting, name := range inputs {
		for spelling, spell := range spellings {
			t.Run(setting+"/"+spelling, func(t *testing.T) {
				s := lesson(t, "dpo", pair, nil)
				folder := copyModel(t)
				name(&s, folder)
				s.OutputDir, s.OverwriteOutput = spell(t, folder), true
				before := contents(t, folder, "model.safetensors")
				_, err := trained(s)
				require.EqualError(t, err, "output_dir "+s.OutputDir+" is the folder of "+setting+", "+folder+", and would be overwritten; name another output_dir")
				require.Equal(t, before, contents(t, folder, "model.safetensors"))
			})
		}
	}
}

// The checkpoint that a run begins with is not removed to make room for its own.
func TestOverwritingKeepsTheInput(t *testing.T) {
	s := lesson(t, "dpo", pair, nil)
	folder := copyModel(t)
	checkpoint := filepath.Join(folder, "checkpoint-5")
	require.NoError(t, os.CopyFS(checkpoint, os.DirFS(s.Model)))
	s.Model, s.OutputDir, s.OverwriteOutput = checkpoint, folder, true
	_, err := trained(s)
	require.EqualError(t, err, "model_name_or_path "+checkpoint+" is in output_dir "+folder+", whose checkpoints overwrite_output_dir removes; name another output_dir")
	require.FileExists(t, filepath.Join(checkpoint, "model.safetensors"))
}

func TestMergedModelIsNoInput(t *testing.T) {
	s := adapted(t)
	s.MaxSteps, s.SaveStrategy = 1, "no"
	mustTrain(t, s)
	for setting, folder := range map[string]string{"model_name_or_path": s.Model, "adapter_name_or_path": s.OutputDir} {
		_, err := host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: folder + "/."})
		require.EqualError(t, err, "output_dir "+folder+"/. is the folder of "+setting+", "+folder+", and would be overwritten; name another output_dir")
	}
}
