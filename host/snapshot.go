package host

import (
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/checkpoint"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

const optimizerName = "optimizer.safetensors"

// The parts of a parameter's optimizer state, after its name and a colon.
const (
	expAvg   = ":exp_avg"
	expAvgSq = ":exp_avg_sq"
	stepPart = ":step"
)

// writeSnapshot puts model, tokenizer and optimizer into the folder of a
// checkpoint, which is made durable as a whole.
func writeSnapshot(folder string, n networks, tok *tokenizer.Tokenizer, o *optim.AdamW) error {
	if err := n.saveInto(folder); err != nil {
		return err
	}
	if err := tok.Save(folder, func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }); err != nil {
		return err
	}
	var sources []safetensors.Source
	for _, s := range o.State() {
		sources = append(sources, model.SourceOf(s.Name+expAvg, s.ExpAvg), model.SourceOf(s.Name+expAvgSq, s.ExpAvgSq), model.SourceOf(s.Name+stepPart, s.Step))
	}
	return safetensors.WriteInto(filepath.Join(folder, optimizerName), sources, nil)
}

// readOptimizer puts the state of a checkpoint into o.
func readOptimizer(folder string, o *optim.AdamW) (err error) {
	defer tensor.Catch(&err)
	file, err := safetensors.Open(filepath.Join(folder, optimizerName))
	if err != nil {
		return err
	}
	defer file.Close()
	for _, s := range o.State() {
		for part, t := range map[string]tensor.Tensor{expAvg: s.ExpAvg, expAvgSq: s.ExpAvgSq, stepPart: s.Step} {
			found, err := file.Want(s.Name+part, "the model", t.Shape()...)
			if err != nil {
				return err
			}
			t.CopyFrom(found.Data)
		}
	}
	return nil
}

// checkResumable refuses to go on from a state that this run could not
// continue to the byte.
func checkResumable(path string, s checkpoint.State, now checkpoint.State, allowThreads bool) error {
	switch {
	case s.DataDigest != now.DataDigest:
		return fmt.Errorf("%s was trained on other data (sha256 %.12s… then, %.12s… now); give the same data_paths, or --overwrite_output_dir to start anew", path, s.DataDigest, now.DataDigest)
	case s.ProgramDigest != now.ProgramDigest:
		return fmt.Errorf("%s was trained with another loss program (sha256 %.12s… then, %.12s… now); use the same plugin and parameters, or --overwrite_output_dir to start anew", path, s.ProgramDigest, now.ProgramDigest)
	case s.Threads != now.Threads && !allowThreads:
		return fmt.Errorf("%s was trained with %d threads, this run has %d, and the last bits of its numbers would differ; give --threads %d, or --allow_thread_count_change", path, s.Threads, now.Threads, s.Threads)
	}
	return nil
}
