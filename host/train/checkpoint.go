package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
	"llmhost/host/lm"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// Checkpoints writes the state of a loop into the folder of a run.
type Checkpoints struct {
	Folder   string // output_dir
	Limit    int    // how many to keep, the newest; 0 = all
	Model    *lm.Model
	Identity checkpoint.State // what must be the same when a run resumes
	// SyncLog makes the log durable and returns how many bytes it has.
	SyncLog func() (int64, error)
}

// Save writes a checkpoint of l and deletes those beyond the limit.
func (c Checkpoints) Save(l *Loop) (path string, err error) {
	state := l.State(c.Identity)
	if state.MetricsBytes, err = c.SyncLog(); err != nil {
		return "", err
	}
	path, err = checkpoint.Save(c.Folder, state, func(folder string) error {
		if err := c.Model.SaveInto(folder); err != nil {
			return err
		}
		return writeOptimizer(folder, l.Trainer.Optimizer)
	})
	if err != nil {
		return "", err
	}
	kept := 0
	if l.Best.Keep {
		kept = l.best.Step
	}
	return path, checkpoint.Prune(c.Folder, c.Limit, kept)
}

// InstallModel puts the model of the checkpoint at path into folder, which holds
// one of the same files.
func InstallModel(path, folder string) error {
	if _, err := checkpoint.Check(path); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == optimizerName || checkpoint.IsState(e.Name()) {
			continue
		}
		if err := copyFile(filepath.Join(path, e.Name()), filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file, whole or not at all.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := atomicfile.Create(to)
	if err != nil {
		return err
	}
	defer target.Abort()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Commit()
}

// State is identity with the progress of the loop.
func (l *Loop) State(identity checkpoint.State) checkpoint.State {
	s := identity
	s.GlobalStep = l.Trainer.GlobalStep
	s.TotalSteps = l.Plan.TotalSteps
	s.Cursor = l.Batches.Cursor()
	s.Records = l.Batches.PerEpoch()
	s.Epoch = l.Epoch()
	rate := l.Trainer.LearningRate()
	s.LearningRate = &rate
	s.RNG = tensor.RNGState()
	s.Progress = l.Progress()
	s.LossStates = l.Trainer.Objective.States()
	return s
}

// Resume sets optimizer, order, generator and counters to those of the
// checkpoint at path.
func (l *Loop) Resume(path string, s checkpoint.State) error {
	if err := readOptimizer(path, l.Trainer.Optimizer); err != nil {
		return err
	}
	tensor.SetRNGState(s.RNG)
	l.Trainer.GlobalStep = s.GlobalStep
	l.Trainer.Objective.SetStates(s.LossStates)
	if err := l.Restore(s.Progress); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := l.Batches.Seek(s.Cursor); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

const optimizerName = "optimizer.safetensors"

// writeOptimizer writes the state of o into the folder of a checkpoint.
func writeOptimizer(folder string, o *optim.Optimizer) error {
	var sources []safetensors.Source
	for _, s := range o.State() {
		for _, part := range s.Parts {
			sources = append(sources, model.SourceOf(s.Name+":"+part.Name, part.Tensor))
		}
	}
	return safetensors.WriteInto(filepath.Join(folder, optimizerName), sources, nil)
}

// readOptimizer sets the state of o from a checkpoint.
func readOptimizer(folder string, o *optim.Optimizer) (err error) {
	defer tensor.Catch(&err)
	file, err := safetensors.Open(filepath.Join(folder, optimizerName))
	if err != nil {
		return err
	}
	defer file.Close()
	for _, s := range o.State() {
		for _, part := range s.Parts {
			found, err := file.Want(s.Name+":"+part.Name, "the model", part.Shape()...)
			if err != nil {
				return fmt.Errorf("%w; give the optim that the checkpoint was trained with", err)
			}
			part.CopyFrom(found.Data)
		}
	}
	return nil
}
