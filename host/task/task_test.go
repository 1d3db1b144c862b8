package task_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/builtin/reward"
	"llmhost/builtin/sft"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/task"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// odd are tasks that a run cannot have as they are.
var odd = sdk.Plugin{
	Name: "odd",
	Losses: []sdk.LossSpec{
		sdk.NewLoss("ranks", "a loss of rewards", reward.Loss{}),
		sdk.NewLoss("learns", "a loss of tokens", sft.Loss{}),
	},
	Tasks: []sdk.Task{
		{Name: "poolless", Doc: "has no pooling", Formatter: "builtin:preference", Loss: "ranks"},
		{Name: "headless", Doc: "names a head that its loss does not read", Formatter: "builtin:promptanswer", Head: sdk.ScoreHead, Loss: "learns"},
		{Name: "unread", Doc: "has no formatter", Head: sdk.LMHead, Loss: "learns"},
	},
}

// load reads settings from flags, as a run does, and says where plugins are.
func load(t *testing.T, flags ...string) (config.Settings, task.Options) {
	t.Helper()
	s, _, err := config.Load("", flags)
	require.NoError(t, err)
	return s, task.Options{
		Plugins:    plugin.Options{Builtin: append(builtin.All(), odd), Cache: t.TempDir()},
		LockFolder: t.TempDir(),
	}
}

func open(t *testing.T, flags ...string) (*task.Task, error) {
	t.Helper()
	s, o := load(t, flags...)
	return task.Open(context.Background(), s, o)
}

// mustOpen opens a task until the test ends.
func mustOpen(t *testing.T, flags ...string) *task.Task {
	t.Helper()
	opened, err := open(t, flags...)
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return opened
}

func TestOpenFails(t *testing.T) {
	for _, c := range []struct {
		name, want string
		flags      []string
	}{
		{"an unknown task", `no builtin task is called "rrfh"`, []string{"--task", "rrfh"}},
		{"an unknown formatter", "formatter: ", []string{"--task", "rrhf", "--formatter", "prefernce"}},
		{"an unknown pooling", "pooling_type: ", []string{"--task", "reward", "--pooling_type", "lsat"}},
		{"a pooling that nothing reads", `pooling_type is "max", and the loss of task sft reads no head that pools; remove it`, []string{"--task", "sft", "--pooling_type", "max"}},
		{"no pooling", "task poolless has no pooling, and its loss reads a head that needs one vector a sequence; give pooling_type", []string{"--task", "poolless"}},
		{"another head", `task headless: head is "score", and its loss reads log-probabilities of tokens (policy.logps); want head "lm"`, []string{"--task", "headless"}},
		{"no formatter", "task unread has no formatter; a run needs one to read its data", []string{"--task", "unread"}},
		{"a digest of no file", "task_sha256 is set, but task sft is part of llmhost and has no file; remove it, or give a plugin's file as task",
			[]string{"--task", "sft", "--task_sha256", "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}},
		{"a misspelt parameter", "flag --params.dpo_bta: task dpo has no parameter dpo_bta; did you mean dpo_beta?", []string{"--task", "dpo", "--params.dpo_bta", "0.5"}},
		{"another task's parameter by another name", "flag --beta: llmhost has no such setting: beta; it is a parameter, dpo_beta of loss dpo, kto_beta of loss kto, orpo_beta of loss orpo, simpo_beta of loss simpo, cpo_beta of loss cpo, and task sft has none like it",
			[]string{"--task", "sft", "--beta", "0.1"}},
		{"a setting of all tasks elsewhere", "flag --label_smoothing_factor: task dpo has no label_smoothing_factor, which builtin tasks sft, classification",
			[]string{"--task", "dpo", "--label_smoothing_factor", "0.1"}},
		{"a parameter under two names", "flag --pref_beta: pref_beta is the same parameter as dpo_beta (flag --beta); keep one", []string{"--task", "dpo", "--pref_beta", "0.1", "--beta", "0.2"}},
		{"a setting of another program", "flag --batch_size: llmhost has no such setting: batch_size; write per_device_train_batch_size", []string{"--task", "sft", "--batch_size", "4"}},
		{"a parameter that two parts have is listed once", "prompt_name, chosen_name, rejected_name, construct_method, dpo_loss_type, dpo_loss_weights, dpo_beta, label_smoothing, ipo_length_normalize, reference_free", []string{"--task", "dpo", "--zzz", "4"}},
		{"a value of another kind", `flag --dpo_beta: dpo_beta is `, []string{"--task", "dpo", "--dpo_beta", "much"}},
		{"a batch that is too large", "raise plugin_program_mb", []string{"--task", "sft", "--kl_coef", "0.1", "--token_level", "--max_length", "100000000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, c.flags...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParameters(t *testing.T) {
	dpo := mustOpen(t, "--task", "dpo", "--dpo_beta", "0.25", "--params.label_smoothing", "0.125", "--margin", "0.5")
	mustOpen(t, "--task", "dpo", "--label_smoothing_factor", "0") // asks for nothing
	require.Equal(t, 0.25, dpo.Params["dpo_beta"])
	require.Equal(t, 0.125, dpo.Params["label_smoothing"])
	require.Equal(t, "sigmoid", dpo.Params["dpo_loss_type"], "the default of one that nobody gives")
	require.NotContains(t, dpo.Params, "margin", "a parameter of another task")
	s, _ := load(t, "--task", "dpo")
	_, notes, err := dpo.ApplyDefaults(s)
	require.NoError(t, err)
	require.Equal(t, []string{"margin is a parameter of loss reward, which task dpo does not use; it has no effect"}, notes)
}

// A parameter may be given by the names that other programs give it.
func TestAliasesOfParameters(t *testing.T) {
	for _, c := range []struct {
		task  string
		flags []string
		want  map[string]any
	}{
		{"dpo", []string{"--beta", "0.25", "--loss_type", "ipo", "--loss_weights", "2"}, map[string]any{"dpo_beta": 0.25, "dpo_loss_type": "ipo", "dpo_loss_weights": "2"}},
		{"dpo", []string{"--rl_beta", "0.25", "--dpo_label_smoothing", "0.125"}, map[string]any{"dpo_beta": 0.25, "label_smoothing": 0.125}},
		{"kto", []string{"--pref_beta", "0.25", "--kto_chosen_weight", "2"}, map[string]any{"kto_beta": 0.25, "desirable_weight": 2.0}},
		{"orpo", []string{"--orpo_alpha", "0.25"}, map[string]any{"orpo_beta": 0.25}},
		{"simpo", []string{"--beta", "2.5", "--alpha", "0.5"}, map[string]any{"simpo_beta": 2.5, "alphapo_alpha": 0.5}},
		{"cpo", []string{"--params.loss_type", "simpo"}, map[string]any{"cpo_loss_type": "simpo"}},
	} {
		opened := mustOpen(t, append(c.flags, "--task", c.task)...)
		for name, want := range c.want {
			require.Equal(t, want, opened.Params[name], "%s %v", c.task, c.flags)
		}
		_, notes, err := opened.ApplyDefaults(config.Default())
		require.NoError(t, err)
		require.Len(t, notes, len(c.want))
		require.Contains(t, notes[0], " here")
	}
}

// referenceFlags are arguments that scripts of llm_codebase give to every task.
var referenceFlags = strings.Fields(`--do_train True --model_type llama --model_name_or_path m --data_paths a.json b.json --eval_data_paths c.json
	--eval_dataset_merge_mode both --evaluate_at_beginning False --remove_unused_columns False --report_to none --output_dir o --overwrite_output_dir True
	--deepspeed configs/zero2.json --set_llama_special_tokens True --only_predict_answer True --pad_labels_with_ignore True --ignore_token_id -100
	--padding_side right --truncation_side left --model_max_length 512 --num_train_epochs 1 --per_device_train_batch_size 1 --evaluation_strategy steps
	--eval_steps 100 --save_strategy steps --save_steps 100 --save_total_limit 2 --logging_steps 1 --learning_rate 1e-6 --weight_decay 0. --warmup_ratio 0.03
	--lr_scheduler_type cosine --bf16 True --fp16 False --gradient_checkpointing True --gradient_accumulation_steps 8 --seed 42 --training_type full
	--save_training_states False --debug_mode False --max_grad_norm 1.0 --local_rank -1`)

// Every task of llm_codebase takes the flags of its scripts.
func TestScriptsOfTheReferenceSystem(t *testing.T) {
	for _, c := range []struct{ task, flags string }{
		{"classification", "--cls_data_text_name text --cls_data_label_name label --cls_data_label_nums 2"},
		{"multi_objective_classification", "--cls_data_label_nums 2"},
		{"reward", "--preference_data_text_name text --preference_data_score_name score --add_lm_loss True --lm_loss_coeff 0.1 --lm_score_thresh 0.85 --pooling_type last --rm_calibration True --calibration_bins 5 10 20"},
		{"SFT", "--sft_data_prompt_name prompt --sft_data_answer_name answer"},
		{"sft", "--prompt_name prompt --answer_name answer --weight_name weight --kl_coef 0.1 --kl_penalty_mode abs --adaptive_kl_ctrl True --kl_target 6.0 --ref_model_name_or_path r --streaming False --data_type_name type --add_special_tokens False"},
		{"offline_rejection_sampling", "--preference_data_text_name text --preference_data_score_name score --sep_token <sep>"},
		{"weighted_learning", "--weighted_data_prompt_name prompt --weighted_data_answer_name answer --weighted_data_score_name score"},
		{"offline_RRHF", "--preference_data_text_name text --preference_data_score_name score --length_penalty 1.0 --rrhf_weight 1.0"},
		{"DPO", "--construct_method best_over_rest --dpo_beta 0.1"},
		{"KTO", "--kto_pair_prompt_name prompt --kto_pair_answer_name answer --kto_pair_label_name label --kto_beta 0.1 --kto_desirable_weight 1.0 --kto_undesirable_weight 1.0 --kto_num_of_kl_completions_per_prompt 1000"},
		{"offline_ppo", "--reward_name reward --clip_range 0.2 --lm_coef 0.5 --kl_coef 0.1 --token_level True --ref_model_name_or_path r"},
	} {
		t.Run(c.task, func(t *testing.T) {
			mustOpen(t, slices.Concat([]string{"--task_type", c.task}, referenceFlags, strings.Fields(c.flags))...)
		})
	}
}

// What a column's role and padding are comes from formatter and loss.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		task, score string
		padding     map[string]float32
	}{
		{"reward", "score", map[string]float32{"score": -100}},
		{"rrhf", "score", map[string]float32{"score": -100}},
		{"sft", "", map[string]float32{}},
		{"classification", "", map[string]float32{}},
	} {
		t.Run(c.task, func(t *testing.T) {
			opened := mustOpen(t, "--task", c.task)
			require.Equal(t, c.score, opened.ScoreColumn())
			require.Equal(t, c.padding, opened.Padding())
			f := opened.DataFormatter()
			require.Equal(t, opened.Formatter.Name, f.Name)
			require.NotEmpty(t, f.Columns)
			opened.CloseFormatters()
		})
	}
}

func TestPooling(t *testing.T) {
	own := mustOpen(t, "--task", "reward")
	require.NotNil(t, own.PoolingProgram)
	require.Equal(t, "eos", own.Pooling.Name)
	require.True(t, own.PoolsLastToken)
	mean := mustOpen(t, "--task", "reward", "--pooling_type", "average")
	require.Equal(t, "average", mean.Pooling.Name)
	require.False(t, mean.PoolsLastToken)
	given := mustOpen(t, "--task", "poolless", "--pooling_type", "max")
	require.Equal(t, "max", given.Pooling.Name)
	require.Nil(t, mustOpen(t, "--task", "sft").PoolingProgram)
}

func TestCheckBatch(t *testing.T) {
	opened := mustOpen(t, "--task", "sft", "--kl_coef", "0.1", "--token_level")
	survey := data.Survey{Examples: 8, MostCandidates: 2, MostLabels: 64}
	require.NoError(t, opened.CheckBatch(64, survey, 4))
	survey.MostLabels = 10_000_000
	err := opened.CheckBatch(64, survey, 4)
	require.ErrorContains(t, err, "task sft: its loss ")
	require.ErrorContains(t, err, "take smaller batches or a smaller max_length, or raise plugin_program_mb")
	require.NoError(t, opened.CheckBatch(1<<20, survey, 4))
}

// A lock that cannot be read ends a run before a plugin is opened.
func TestBrokenLock(t *testing.T) {
	s, o := load(t, "--task", "sft")
	require.NoError(t, os.WriteFile(filepath.Join(o.LockFolder, plugin.LockName), []byte("no lock"), 0o644))
	_, err := task.Open(context.Background(), s, o)
	require.ErrorContains(t, err, plugin.LockName)
}
