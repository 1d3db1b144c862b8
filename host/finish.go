package host

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/metrics"
	"llmhost/host/model"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
)

func tokenizerFolder(s config.Settings) string {
	if s.Tokenizer != "" {
		return s.Tokenizer
	}
	return s.Model
}

func openTokenizer(s config.Settings) (*tokenizer.Tokenizer, error) {
	if _, err := os.Stat(s.Model); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("model %s: no such folder; model_name_or_path wants one in Hugging Face's layout", s.Model)
	}
	return tokenizer.LoadWith(tokenizerFolder(s), tokenizer.Additions{Missing: s.SetSpecialTokens, Pad: s.PadToken, Tokens: s.AdditionalTokens})
}

// plan settles the course of the run from settings and data.
func (r *run) plan() train.Plan {
	s := r.settings
	p := train.NewPlan(r.data.train.Survey.Examples, s.TrainBatchSize, s.AccumulationSteps, s.NumTrainEpochs, s.MaxSteps)
	p.EvalBatchSize, p.LogFirst, p.EvalAtBeginning = s.EvalBatchSize, s.LoggingFirstStep, s.EvaluateAtBeginning
	every := func(strategy string, steps int) int {
		switch strategy {
		case "epoch":
			return p.StepsPerEpoch
		case "steps":
			return steps
		}
		return 0
	}
	p.LogSteps = every(s.LoggingStrategy, s.LoggingSteps)
	p.SaveSteps = every(s.SaveStrategy, s.SaveSteps)
	p.EvalSteps = every(s.EvalStrategy, s.EvalSteps)
	if s.EvalStrategy == "steps" && s.EvalSteps == 0 {
		p.EvalSteps = s.LoggingSteps
	}
	return p
}

// warmup is warmup_steps, or else warmup_ratio of all steps, rounded up.
func warmup(s config.Settings, total int) int {
	if s.WarmupSteps > 0 {
		return s.WarmupSteps
	}
	return int(math.Ceil(s.WarmupRatio * float64(total)))
}

func (r *run) dataSeed() uint64 {
	if r.settings.DataSeed >= 0 {
		return uint64(r.settings.DataSeed)
	}
	return uint64(r.settings.Seed)
}

// introduce says what is about to happen.
func (r *run) introduce() {
	s, c, p := r.settings, r.console, r.loop.Plan
	for _, note := range r.from.notes {
		c.Printf("note: %s", note)
	}
	for _, change := range r.task.changes {
		c.Printf("note: %s", change.Notice())
	}
	c.Printf("task   %s", r.task.describe())
	if r.task.firstUse {
		for line := range strings.Lines(r.task.Plugin.Capabilities()) {
			c.Printf("       %s", strings.TrimRight(line, "\n"))
		}
	}
	c.Printf("model  %s: %s, %s weights%s, %s on %s, %s", s.Model, r.networks.policy.Config.ModelType,
		console.Thousands(float64(r.networks.policy.Params().Count())), r.trainedShare(), r.dtypes().describe(), r.device, console.Count(r.threads, "thread"))
	if line := r.describeReference(); line != "" {
		c.Printf("       %s", line)
	}
	for _, note := range r.networkNotes() {
		c.Printf("note: %s", note)
	}
	for _, line := range r.data.report {
		c.Printf("%s", line)
	}
	c.Printf("plan   %d steps of %d records, %d an epoch; learning rate %g, %s", p.TotalSteps, p.BatchSize*p.Accumulation, p.StepsPerEpoch, s.LearningRate, s.SchedulerType)
	if r.from.Path != "" {
		c.Printf("resume %s, after step %d", r.from.Path, r.from.State.GlobalStep)
	}
	c.Printf("")
}

func (r *run) dtypes() DTypes {
	d := DTypes{Param: tensor.Float32.String(), Compute: tensor.Float32.String(), Loss: tensor.Float32.String()}
	if r.settings.BF16 {
		d.Compute = tensor.BFloat16.String()
	}
	if r.settings.LoadIn4Bit {
		d.Param = "nf4"
	}
	return d
}

func (d DTypes) describe() string {
	if d.Param == d.Compute {
		return d.Param
	}
	return d.Param + " weights, " + d.Compute + " products"
}

// record is run.json as of now.
func (r *run) record(finished bool) Record {
	s := r.settings
	binary := ""
	if path, err := os.Executable(); err == nil {
		binary, _, _ = checkpoint.Digest(path)
	}
	return Record{
		Finished: finished, GlobalStep: r.loop.Trainer.GlobalStep, TotalSteps: r.loop.Plan.TotalSteps,
		Versions: Versions{LLMHost: r.env.Version, Go: runtime.Version(), Torch: tensor.Version()},
		Device:   r.device.String(), Threads: r.threads, DTypes: r.dtypes(),
		Task: r.task.record(), Model: SourceRecord{s.Model, r.modelDigest}, Tokenizer: SourceRecord{tokenizerFolder(s), r.tokenizer.Digest()},
		Data: r.data.files, EvalData: r.data.held, Binary: binary, ResumedFrom: r.from.Path,
		TrainSeconds: time.Since(r.began).Seconds(), Settings: s.Map(),
	}
}

// stopped explains an early end of the loop and how to go on.
func (r *run) stopped(err error) error {
	var interrupted *train.Interrupted
	if errors.As(err, &interrupted) {
		if interrupted.CanSave {
			return fmt.Errorf("%w\nto go on, run the same command with --resume_from_checkpoint auto", err)
		}
		return err
	}
	if last, _, _, listErr := checkpoint.Newest(r.settings.OutputDir); listErr == nil && last != "" {
		return fmt.Errorf("%w\nthe last good checkpoint is %s; --resume_from_checkpoint auto goes on from it", err, last)
	}
	return err
}

// finish writes the final model into output_dir, marks the run as finished and
// sums it up.
func (r *run) finish() error {
	dir := r.settings.OutputDir
	if err := r.networks.save(dir); err != nil {
		return err
	}
	if err := r.tokenizer.Save(dir, atomicfile.WriteFile); err != nil {
		return err
	}
	if _, err := r.log.bytes(); err != nil {
		return err
	}
	entries, err := metrics.ReadJSONL(filepath.Join(dir, metricsName))
	if err != nil {
		return err
	}
	curve := metrics.SVG(fmt.Sprintf("%s, task %s", filepath.Base(dir), r.task.Name), metrics.Panels(entries))
	if err := atomicfile.WriteFile(filepath.Join(dir, curveName), curve); err != nil {
		return err
	}
	record := r.record(true)
	if record.FinalSHA256, err = model.WeightsDigest(dir); err != nil {
		return err
	}
	if err := record.write(dir); err != nil {
		return err
	}
	r.summarise(entries)
	return nil
}

// summarise prints the first and last evaluation and where everything is.
func (r *run) summarise(entries []metrics.Entry) {
	dir, c := r.settings.OutputDir, r.console
	var evaluations []metrics.Entry
	for _, e := range entries {
		if len(e.Values) > 0 && strings.HasPrefix(e.Values[0].Name, "eval_") {
			evaluations = append(evaluations, e)
		}
	}
	if n := len(evaluations); n > 0 {
		var before []metrics.Value
		if n > 1 {
			before = evaluations[0].Values
		}
		c.Summary(before, evaluations[n-1].Values)
	}
	spent := time.Since(r.began)
	c.Printf("speed    %s tokens/s in training steps; %s in all; %s MB of memory at most",
		console.Thousands(r.loop.Speed()), console.Duration(spent), console.Thousands(float64(r.device.PeakMemory())/1e6))
	if r.networks.adapter != nil {
		c.Printf("adapter  %s (PEFT's format, with the tokenizer): llmhost merge --adapter_name_or_path %s --output_dir FOLDER", dir, dir)
	} else {
		c.Printf("model    %s (Hugging Face layout, with its tokenizer)", dir)
	}
	c.Printf("log      %s, run.json, TensorBoard: tensorboard --logdir %s", filepath.Join(dir, metricsName), dir)
	c.Printf("picture  %s", filepath.Join(dir, curveName))
}
