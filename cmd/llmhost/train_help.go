package main

import (
	"context"
	"fmt"
	"strings"

	"llmhost/host/config"
)

const trainUsage = `llmhost train [--config run.toml] [--NAME VALUE …]
  llmhost train --task sft --model_name_or_path models/base --data_paths a.jsonl --output_dir runs/1

Every setting is a flag and a key of the TOML file: --max_length 256 is max_length = 256, --bf16 is
bf16 = true, and a list is --data_paths a.jsonl b.jsonl, or data_paths = ["a.jsonl", "b.jsonl"].

`

// common are the settings that most runs choose; the help of a task shows the
// first few, beside the task's own.
var common = []string{
	"model_name_or_path", "data_paths", "eval_data_paths", "output_dir", "max_length",
	"num_train_epochs", "per_device_train_batch_size", "learning_rate", "lora_r",
	"load_in_4bit", "max_steps", "gradient_accumulation_steps", "lr_scheduler_type", "optim",
	"bf16", "gradient_checkpointing", "eval_strategy", "save_strategy", "logging_steps",
	"resume_from_checkpoint", "overwrite_output_dir", "seed",
}

const commonOfTask = 9

func asksForHelp(arg string) bool {
	name, _, _ := strings.Cut(arg, "=")
	return name == "--help" || name == "-h"
}

// trainHelp prints the settings that most runs choose, with the parameters of
// the task that the arguments before --help name, or what the word after it asks
// for. help begins with the flag.
func trainHelp(ctx context.Context, before, help []string) error {
	_, topic, _ := strings.Cut(help[0], "=")
	after := help[1:]
	if topic == "" && len(after) > 0 && !strings.HasPrefix(after[0], "-") {
		topic = after[0]
		after = after[1:]
	}
	if topic == "all" {
		fmt.Print(trainUsage + config.Help(trainGroups...))
		return nil
	}
	if topic != "" {
		text, err := config.HelpOn(topic, trainGroups...)
		fmt.Print(text)
		return err
	}
	text, err := generalHelp(ctx, taskIn(append(before, after...)))
	fmt.Print(text)
	return err
}

// generalHelp is about a task and what it needs, or, where none is named, about
// which tasks there are and what most runs choose.
func generalHelp(ctx context.Context, task string) (string, error) {
	c, err := catalog(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	more := "\nMore: --help NAME for one setting, --help all, or --help with one of " + groupNames() + "\n"
	if task == "" {
		names := c.TaskNames()
		return trainUsage + fmt.Sprintf(
			"  --task %s,\n         %s,\n         or a plugin's file; for the parameters of one: llmhost train --task dpo --help\n",
			strings.Join(names[:6], ", "),
			strings.Join(names[6:], ", "),
		) + config.Brief(common...) + more, nil
	}
	t, err := c.Task(ctx, task)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%sTask %s: %s\n%s\nSettings that most runs choose; llmhost train --help shows more\n", trainUsage, t.Name, t.Doc, t.ParamsText()) +
		config.Brief(common[:commonOfTask]...) + more, nil
}

// taskIn is the task that the arguments name, in a flag or in their file.
func taskIn(args []string) string {
	settings, _, err := config.Load("", args)
	if err == nil {
		return settings.Task
	}
	for i, arg := range args { // the rest of them is wrong
		name, value, has := strings.Cut(arg, "=")
		if name == "--task" && has {
			return value
		}
		if name == "--task" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// groupNames lists the first word of each group, which --help takes, in two lines.
func groupNames() string {
	var names []string
	for _, g := range trainGroups {
		names = append(names, strings.Fields(string(g))[0])
	}
	return strings.Join(names[:2], ", ") + ",\n  " + strings.Join(names[2:], ", ")
}
