package host

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/metrics"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tensor"
	"llmhost/host/train"
)

// introduce says what is about to happen.
func introduce(out *console.Console, s config.Settings, t *task.Task, m *models, sets dataset, p train.Plan, start rundir.Start) {
	introduceTask(out, t)
	introduceModel(out, s, t, m)
	for _, line := range formatLines(t) {
		out.Printf("%s", line)
	}
	for _, line := range sets.report {
		out.Printf("%s", line)
	}
	if s.RunName != "" {
		out.Printf("run    %s", s.RunName)
	}
	perEpoch := fmt.Sprintf(", %d an epoch", p.StepsPerEpoch)
	if sets.stream != nil {
		perEpoch = ", streamed"
	}
	out.Printf("plan   %d steps of %s%s; learning rate %g, %s",
		p.TotalSteps, sets.describeUnits(p.BatchSize*p.Accumulation), perEpoch, s.LearningRate, s.SchedulerType)
	if start.Checkpoint != "" {
		out.Printf("resume %s, %s", start.Checkpoint, whatIsLeft(start.State, p, sets.batching.grouping))
	}
	out.Printf("")
}

func introduceTask(out *console.Console, t *task.Task) {
	for _, change := range t.Changes {
		out.Notef("%s", change.Notice())
	}
	out.Printf("task   %s", t.Describe())
	if !t.FirstUse {
		return
	}
	for line := range strings.Lines(t.Plugin.Capabilities()) {
		out.Printf("       %s", strings.TrimRight(line, "\n"))
	}
}

func introduceModel(out *console.Console, s config.Settings, t *task.Task, m *models) {
	policy := m.policy
	trained := ""
	if policy.Adapter != nil {
		trained = fmt.Sprintf(" with an adapter, of which %s are trained", console.Thousands(float64(policy.Trained())))
	}
	out.Printf("model  %s: %s, %s weights%s, %s on %s, %s", s.Model, policy.Config.ModelType,
		console.Thousands(float64(policy.Params().Count())), trained, dtypesOf(s), m.device, console.Count(m.threads, "thread"))
	if line := describeReference(s, t, m); line != "" {
		out.Printf("       %s", line)
	}
	out.Notes(modelNotes(s, t, m))
}

// foretell ends a dry run: what the first step would find in place.
func foretell(out *console.Console, m *models, loop *train.Loop) {
	var gradients, state int64
	for _, p := range m.policy.Params().Trained() {
		gradients += p.Tensor.Numel() * int64(p.Tensor.DType().Size())
	}
	for _, s := range loop.Trainer.Optimizer.State() {
		state += s.Bytes()
	}
	out.Printf("memory %s MB so far; training adds at least %s MB of gradients, %s MB of optimizer state, and its activations",
		megabytes(m.device.PeakMemory()), megabytes(gradients), megabytes(state))
	out.Printf("ready  for step %d; dry_run is set, so nothing was trained and nothing written", loop.Trainer.GlobalStep+1)
}

func megabytes(bytes int64) string {
	if mb := float64(bytes) / 1e6; mb < 10 {
		return fmt.Sprintf("%.1f", mb)
	}
	return console.Thousands(float64(bytes) / 1e6)
}

// summarise prints the first and last evaluation and where everything is.
func summarise(out *console.Console, dir string, m *models, entries []metrics.Entry, speed float64, spent time.Duration) {
	compareEvaluations(out, entries)
	out.Printf("speed    %s tokens/s in training steps; %s in all; %s MB of memory at most",
		console.Thousands(speed), console.Duration(spent), console.Thousands(float64(m.device.PeakMemory())/1e6))
	if m.policy.Adapter != nil {
		out.Printf(
			"adapter  %s (PEFT's format, with the tokenizer): llmhost merge --adapter_name_or_path %s --output_dir FOLDER",
			dir,
			dir,
		)
	} else {
		out.Printf("model    %s (Hugging Face layout, with its tokenizer%s)", dir, m.policy.DescribeSaved())
	}
	out.Printf(
		"log      %s, run.json, TensorBoard: tensorboard --logdir %s",
		filepath.Join(dir, rundir.MetricsName),
		dir,
	)
	out.Printf("picture  %s", filepath.Join(dir, rundir.CurveName))
}

func compareEvaluations(out *console.Console, entries []metrics.Entry) {
	var evaluations []metrics.Entry
	for _, e := range entries {
		if len(e.Values) > 0 && strings.HasPrefix(e.Values[0].Name, "eval_") {
			evaluations = append(evaluations, e)
		}
	}
	if len(evaluations) == 0 {
		return
	}
	var before []metrics.Value
	if len(evaluations) > 1 {
		before = evaluations[0].Values
	}
	out.Summary(before, evaluations[len(evaluations)-1].Values)
}

// dtypesOf are the element types of the run's numbers.
func dtypesOf(s config.Settings) rundir.DTypes {
	d := rundir.DTypes{
		Param:   tensor.Float32.String(),
		Compute: computeType(s.RunSettings).String(),
		Loss:    tensor.Float32.String(),
	}
	if s.LoadIn4Bit {
		d.Param = "nf4"
	}
	return d
}

// recordOf is run.json except for the progress of the run.
func recordOf(s config.Settings, env Env, t *task.Task, m *models, sets dataset, plan train.Plan, start rundir.Start) rundir.Record {
	return rundir.Record{
		TotalSteps: plan.TotalSteps,
		Versions: rundir.Versions{
			LLMHost: env.Version,
			Go:      runtime.Version(),
			Torch:   tensor.Version(),
		},
		Device:       m.device.String(),
		Threads:      m.threads,
		DTypes:       dtypesOf(s),
		Task:         taskRecord(t),
		Model:        rundir.SourceRecord{Path: s.Model, SHA256: m.digest},
		Tokenizer:    rundir.SourceRecord{Path: m.policy.Source.Tokenizer, SHA256: m.policy.Tokenizer.Digest()},
		ChatTemplate: sets.chats.record(),
		Data:         sets.files,
		EvalData:     sets.held,
		HeldOut:      sets.heldOut,
		Format:       formatRecord(t.Format),
		Datasets:     sets.datasetRecords(),
		Binary:       ownDigest(),
		ResumedFrom:  start.Checkpoint,
		Invariants:   sets.invariantsRecord(s),
		Settings:     settled(s, plan),
	}
}

func formatRecord(f task.Format) *rundir.FormatRecord {
	return &rundir.FormatRecord{
		Formatter: f.Formatter,
		Form:      f.Form,
		Chat:      f.Chat,
		Detected:  f.Detected,
		Unread:    f.Unread,
	}
}

func taskRecord(t *task.Task) rundir.TaskRecord {
	info := t.Plugin.Info
	return rundir.TaskRecord{
		Name:      t.Name,
		Transport: string(info.Transport),
		Version:   info.Version,
		Path:      info.Path,
		SHA256:    info.Digest,
		Program:   t.Program.Digest(),
		Formatter: t.Formatter.String(),
		Params:    t.Params,
	}
}

// ownDigest is that of this program's file, "" where it cannot be read.
func ownDigest() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	digest, _, err := checkpoint.Digest(path)
	if err != nil {
		return ""
	}
	return digest
}
