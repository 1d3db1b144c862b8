package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"llmhost/host/metrics"
	"llmhost/host/tokenizer"
)

// startups is the time from start to the end of the first step, in turns, with
// the files in the page cache.
type startups struct {
	LLMHost []float64 `json:"llmhost"` // seconds: llmhost train
	Peer    []float64 `json:"peer"`    // seconds: peers/startup.py
}

const startRounds = 3

// runStartups starts both sides from nothing on two short records.
func (b *bench) runStartups(ctx context.Context) (*startups, error) {
	binary, err := b.buildCLI(ctx)
	if err != nil {
		return nil, err
	}
	tokens := filepath.Join(b.work, "tokenizer")
	records := filepath.Join(b.work, "startup.jsonl")
	if err := tokenizer.WriteByteLevel(tokens); err != nil {
		return nil, err
	}
	if err := os.WriteFile(records, startRecords(), 0o644); err != nil {
		return nil, err
	}
	var s startups
	for round := range 1 + startRounds {
		output := filepath.Join(b.work, "start-"+strconv.Itoa(round))
		ours, ourLoss, err := b.startLLMHost(ctx, binary, b.trainFlags(tokens, records, output), output)
		if err != nil {
			return nil, err
		}
		s.LLMHost = append(s.LLMHost, ours)
		if b.Peer == "" {
			continue
		}
		theirs, theirLoss, err := b.startPeer(ctx, tokens, records)
		if err != nil {
			return nil, err
		}
		s.Peer = append(s.Peer, theirs)
		if err := sameLoss("start-up", "startup.py", ourLoss, theirLoss); err != nil {
			return nil, err
		}
	}
	s.LLMHost = s.LLMHost[1:] // the first round filled the page cache
	s.Peer = s.Peer[min(1, len(s.Peer)):]
	return &s, nil
}

// buildCLI builds cmd/llmhost from the current source.
func (b *bench) buildCLI(ctx context.Context) (string, error) {
	path := filepath.Join(b.work, "llmhost")
	out, err := exec.CommandContext(
		ctx,
		"go",
		"build",
		"-buildvcs=false",
		"-o",
		path,
		"llmhost/cmd/llmhost",
	).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build llmhost/cmd/llmhost: %w; run bench in the repository:\n%s", err, out)
	}
	return path, nil
}

// startRecords are two prompt/answer records of ordinary length.
func startRecords() []byte {
	const words = "the quick brown fox jumps over the lazy dog and "
	var text bytes.Buffer
	for _, n := range []int{2, 3} {
		fmt.Fprintf(
			&text,
			"{\"prompt\": %q, \"answer\": %q}\n",
			strings.Repeat(words, n),
			strings.Repeat(words, n-1),
		)
	}
	return text.Bytes()
}

func (b *bench) trainFlags(tokens, records, output string) []string {
	return []string{"train", "--task", "sft", "--model_name_or_path", b.model, "--tokenizer_name_or_path", tokens,
		"--data_paths", records, "--output_dir", output, "--max_steps", "1", "--per_device_train_batch_size", "2",
		"--add_special_tokens=false", "--learning_rate", "1e-5", "--lr_scheduler_type", "constant", "--logging_steps", "1",
		"--save_strategy", "no", "--report_to", "none", "--device", b.Device, "--threads", strconv.Itoa(b.Threads)}
}

// startLLMHost times llmhost train up to the line about its first step. What
// it does after that, saving the model, is not part of it.
func (b *bench) startLLMHost(ctx context.Context, binary string, flags []string, output string) (seconds, loss float64, err error) {
	seconds, _, err = b.untilLine(ctx, "step 1/1", append([]string{binary}, flags...))
	if err != nil {
		return 0, 0, err
	}
	entries, err := metrics.ReadJSONL(filepath.Join(output, "metrics.jsonl"))
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		if loss, ok := e.Get("loss"); ok {
			return seconds, loss, nil
		}
	}
	return 0, 0, fmt.Errorf("%s/metrics.jsonl has no loss", output)
}

// startPeer times peers/startup.py.
func (b *bench) startPeer(ctx context.Context, tokens, records string) (seconds, loss float64, err error) {
	command := []string{b.Peer, filepath.Join(b.work, "startup.py"), b.model, tokens, records, strconv.Itoa(b.Threads), b.Device}
	seconds, line, err := b.untilLine(ctx, `{"loss"`, command)
	if err != nil {
		return 0, 0, err
	}
	var answer outcome
	err = json.Unmarshal([]byte(line), &answer)
	return seconds, answer.Loss, err
}

// untilLine runs a command to its end and returns the first line it printed
// that begins with prefix, and the seconds until then.
func (b *bench) untilLine(ctx context.Context, prefix string, command []string) (seconds float64, line string, err error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	var complaint bytes.Buffer
	c.Env = environment(b.Threads)
	c.Stderr = &complaint
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, "", err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line == "" && strings.HasPrefix(lines.Text(), prefix) {
			seconds = time.Since(began).Seconds()
			line = lines.Text()
		}
	}
	err = c.Wait()
	if err == nil && line == "" {
		err = fmt.Errorf("no line begins %q", prefix)
	}
	if err != nil {
		return 0, "", fmt.Errorf(
			"%s: %w; it said:\n%s",
			strings.Join(command, " "),
			err,
			lastLines(complaint.String(), 12),
		)
	}
	return seconds, line, nil
}
