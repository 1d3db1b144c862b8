// Package config reads the settings of a run: one flat table of names for every
// verb, from a TOML file and from flags, strictly, with every error at once. It
// opens no file but the TOML, and knows no plugin: parameters of plugins pass
// through it unchecked. Start at Load and Settings.
package config

import "strings"

// Settings holds every setting. The tags are the table that reading, checking,
// help and writing share: name in the TOML file and as a flag, default, min and max (or above and below, exclusive), choices,
// keys (of a table) and help. Each group is a struct of its own, so that a function
// takes the groups that it reads.
//
// Names are those of Hugging Face's TrainingArguments, of TRL and of
// llm_codebase; paths are relative to the working folder.
type Settings struct {
	TaskSettings         `group:"task"`
	ModelSettings        `group:"model"`
	AdapterSettings      `group:"adapters"`
	DataSettings         `group:"data"`
	TokenSettings        `group:"tokens"`
	ChatSettings         `group:"chats"`
	RunSettings          `group:"run"`
	PluginLimits         `group:"limits of plugins"`
	OptimisationSettings `group:"optimisation"`
	EvaluationSettings   `group:"evaluation"`
	LoggingSettings      `group:"logging and saving"`

	// Params are the parameters of the task's plugins, by name: NAME = value and
	// --NAME value where no setting has the name, and [params] and --params.NAME.
	Params map[string]Param `group:"parameters of the plugin" name:"params" help:"table of the plugins' own parameters, which llmhost plugins explain NAME lists; they may also be given outside of it"`

	given map[string]bool // the settings that a file or a flag set
}

// TaskSettings say what is trained.
type TaskSettings struct {
	Task       string `name:"task" help:"NAME of a builtin task, FILE.wasm or EXECUTABLE, with #task where a file has several"`
	TaskSHA256 string `name:"task_sha256" help:"SHA-256 that the plugin file must have, 64 hex digits; empty = any"`
	Locked     bool   `name:"locked" default:"false" help:"stop if the plugin file differs from the one in llmhost.lock of output_dir"`
	Pooling    string `name:"pooling_type" default:"auto" help:"how score and class heads make one vector of a sequence: NAME of a builtin pooling, or FILE with #pooling where it has several; auto = the task's own"`
}

// ModelSettings say which models a run opens.
type ModelSettings struct {
	Model                 string `name:"model_name_or_path" help:"folder of a Hugging Face model"`
	Tokenizer             string `name:"tokenizer_name_or_path" help:"folder of its tokenizer; empty = the model's"`
	RefModel              string `name:"ref_model_name_or_path" help:"folder of the model that losses compare the trained one with; empty = the model as it is at the start, with the adapter of adapter_name_or_path; the folder of model_name_or_path = without it"`
	IgnoreMismatched      bool   `name:"ignore_mismatched_sizes" default:"false" help:"start a score or class head from scratch where the model has it for other classes or in another size"`
	SaveDType             string `name:"save_dtype" default:"auto" choices:"auto|float32|bfloat16|float16" help:"type of the weights of the final model, which are rounded to it; checkpoints keep float32. auto = the type that transformers opens the model in; of an adapter float32, as PEFT saves it"`
	PrecomputeRefLogProbs bool   `name:"precompute_ref_log_probs" default:"false" help:"compute the log-probabilities of the reference model once, before the first step, and keep them on disk"`
}

// AdapterSettings say which adapters are trained, in PEFT's terms.
type AdapterSettings struct {
	LoraR             int      `name:"lora_r" default:"0" min:"0" help:"rank of LoRA adapters, which are trained instead of the model; 0 = none"`
	LoraAlpha         float64  `name:"lora_alpha" default:"32" above:"0" help:"adapters are scaled by this over their rank"`
	LoraDropout       float64  `name:"lora_dropout" default:"0.05" min:"0" below:"1" help:"share of its input that an adapter drops in training"`
	LoraTargetModules []string `name:"lora_target_modules" default:"all-linear" help:"linear maps that get adapters: names of modules, or all-linear"`
	UseRSLoRA         bool     `name:"use_rslora" default:"false" help:"scale by lora_alpha over the root of the rank"`
	UseDoRA           bool     `name:"use_dora" default:"false" help:"train the length of each row of a weight apart from its direction"`
	ModulesToSave     []string `name:"modules_to_save" help:"modules that are trained whole and saved with the adapter"`
	PEFTConfigPath    string   `name:"peft_config_path" help:"JSON file of a LoraConfig, instead of the lora settings"`
	Adapter           string   `name:"adapter_name_or_path" help:"folder of an adapter in PEFT's format to train further"`
	LoadIn4Bit        bool     `name:"load_in_4bit" default:"false" help:"keep the weights below the adapters in 4 bits (QLoRA, in NF4); they are dequantized for each product"`
}

// DataSettings name the files that a run reads.
type DataSettings struct {
	DataPaths            []string  `name:"data_paths" help:"training files (JSON, CSV, Parquet, Arrow, text), folders and patterns, taken in this order"`
	DataDir              string    `name:"data_dir" help:"folder of training files, taken by name, instead of data_paths"`
	DataWeights          []float64 `name:"data_weights" help:"draw from several sets by weights, as datasets.interleave_datasets does: one number for each entry of data_paths, which need not add up to 1; what is drawn in an epoch is settled once, by data_seed, and stopping_strategy says how much. Empty = sets follow one another"`
	Stopping             string    `name:"stopping_strategy" default:"first_exhausted" choices:"first_exhausted|all_exhausted|all_exhausted_without_replacement" help:"when an epoch of weighted sets ends: first_exhausted = once all of one set was drawn; all_exhausted = once all of every set was, those that end earlier beginning again; all_exhausted_without_replacement = likewise, and no record comes twice. Streamed sets begin again by themselves, unless without replacement"`
	EvalDataPaths        []string  `name:"eval_data_paths" help:"evaluation files"`
	EvalDataDir          string    `name:"eval_data_dir" help:"folder of evaluation files, instead of eval_data_paths"`
	EvalSplit            float64   `name:"eval_split" default:"0" min:"0" help:"hold training records out and evaluate on them, instead of evaluation files: a share below 1, or a number of records. A hash of data_seed and of what the formatter makes of a record decides, so that equal records are on one side; appended records change no other's side under a share, and under a number they may only move held-out ones to training"`
	EvalDatasetMergeMode string    `name:"eval_dataset_merge_mode" default:"separate" choices:"separate|merge|both" help:"one set of metrics for each evaluation file, for all together, or both"`
	MaxTrainSamples      int       `name:"max_train_samples" default:"0" min:"0" help:"train on the first records alone, at most so many of all files together; 0 = all"`
	MaxEvalSamples       int       `name:"max_eval_samples" default:"0" min:"0" help:"evaluate on the first records of each evaluation file alone, at most so many; 0 = all"`
	EncodingErrors       string    `name:"encoding_errors" default:"strict" choices:"strict|replace" help:"what becomes of bytes that are not UTF-8 and of halves of surrogate pairs in data files: an error with their place, or U+FFFD instead"`
	Invariants           string    `name:"data_invariants" default:"error" choices:"error|count|off" help:"every sequence begins with BOS once, where the run puts one, ends what is learned with EOS, has text, something to learn where the loss needs it, and ids that the model has: error = stop at one that does not, before the model is read or at its batch; count = say how many there are, and train on them; off = do not look"`
	TokenCacheGB         float64   `name:"token_cache_gb" default:"20" min:"0" help:"gigabytes that the tokenised data of all runs may take in the user's cache, where the next run over the same data finds them; those that were not used for the longest time go first; 0 = none are kept"`
	Streaming            Switch    `name:"streaming" default:"auto" help:"read the training files as they are needed, instead of tokenising all of them before the first step: in constant memory and without the cache, from the first step on; the place in them is in the checkpoints. The first 1000 records say what the data are like. It wants max_steps, and no epochs as intervals. auto = where they are larger than streaming_above_gb, their tokens are not in the cache, and no other setting asks for what streaming does not do; a resumed run does as it did"`
	StreamingAboveGB     float64   `name:"streaming_above_gb" default:"4" min:"0" help:"under streaming = auto, from how many gigabytes of training files on they are streamed"`
	ShuffleBuffer        int       `name:"shuffle_buffer_size" default:"10000" min:"0" max:"10000000" help:"under streaming, how many records are in memory, out of which the next is drawn at random, or as many as take 256 MB; 0 or 1 = the order of the files"`
	DebugMode            bool      `name:"debug_mode" default:"false" help:"take only the first 100 records of each file"`
	Formatter            string    `name:"formatter" help:"what turns records into examples: NAME of a builtin formatter, or FILE with #formatter where it has several; empty = the task's own where it reads the records, else the builtin one that does"`

	// Datasets are sets of different kinds.
	Datasets []Dataset `name:"datasets" help:"data sets of different kinds, each under [[datasets]] with path (a file, folder or pattern, or a list of them) and, where needed, weight, formatter, columns, max_samples, split, and the parameters of its formatter; instead of data_paths"`

	// Columns are the fields of the files by the names that formatters give them.
	Columns map[string]string `name:"columns" help:"table of the files' fields by the names that the formatter gives them, where those differ, as in prompt = \"question\"; llmhost data formats lists the formatters' names"`
}

// TokenSettings say how texts become tokens.
type TokenSettings struct {
	MaxLength         int      `name:"max_length" default:"512" min:"1" help:"longest sequence in tokens; a longer one is cut on truncation_side"`
	TruncationSide    string   `name:"truncation_side" default:"left" choices:"left|right" help:"the side on which a long sequence is cut; cut on the right it loses its EOS too"`
	DropTruncated     bool     `name:"drop_truncated_answers" default:"false" help:"leave out the examples of which an answer would be cut"`
	AddBOS            Switch   `name:"add_bos_token" default:"auto" help:"begin every sequence with BOS; auto = with what the tokenizer puts there by itself"`
	AddEOS            Switch   `name:"add_eos_token" default:"auto" help:"end every sequence with EOS; auto = where the tokenizer names one"`
	AddSpecialTokens  Switch   `name:"add_special_tokens" default:"auto" help:"the value of add_bos_token and add_eos_token where they are auto: true = BOS before and EOS after every sequence, false = neither"`
	SplitSpecial      Switch   `name:"split_special_tokens" default:"auto" help:"encode special tokens that a text spells out, as </s>, like any other text; auto = as tokenizer_config.json says, else as the special tokens"`
	SetSpecialTokens  bool     `name:"set_special_tokens" default:"false" help:"add <pad>, </s>, <s> and <unk> for those of these roles that no token of the tokenizer has"`
	PadToken          string   `name:"pad_token" help:"the pad token, instead of the tokenizer's; added where the vocabulary lacks it"`
	AdditionalTokens  []string `name:"additional_special_tokens" help:"more tokens to add, each encoded as one token wherever it occurs"`
	ResizeVocab       bool     `name:"resize_vocab" default:"false" help:"let the model's vocabulary grow to the tokenizer's; tokens added here make it grow in any case"`
	OnlyPredictAnswer bool     `name:"only_predict_answer" default:"true" help:"train on the answer's tokens alone"`
	SharePrefix       bool     `name:"share_prefix" default:"true" help:"store and compute the prompt that candidates share once"`
}

// ChatSettings say how conversations become texts, and what is learned of them.
type ChatSettings struct {
	ChatTemplate       string   `name:"chat_template" help:"what lays conversations out: FILE of a Jinja template, the name of one of several that the model has, or chatml; empty = the model's own"`
	ChatTemplateKwargs string   `name:"chat_template_kwargs" help:"more variables for the chat template, as a JSON object: {\"enable_thinking\": false}; those of a record come before them"`
	ChatTemplateDate   string   `name:"chat_template_date" help:"the day that chat templates take for today, as 2026-12-01, so that runs repeat; empty = 2024-07-26, which Llama 3's name where they are told none"`
	AllowSpecialInText bool     `name:"allow_special_tokens_in_text" default:"false" help:"encode special tokens that the messages of a conversation spell out as such; false = as the text that they are, so that no message can end a turn"`
	AssistantOnlyLoss  Switch   `name:"assistant_only_loss" default:"auto" help:"train on the turns of train_on alone, from behind their header to their end token; auto = in conversations without a prompt of their own, or where train_on names other turns; false = on all that is not the prompt"`
	TrainOn            []string `name:"train_on" default:"all" help:"whose turns are trained on: all = each of the assistant's, last = its last one; or roles, as in [\"assistant\", \"tool\"]"`
}

// RunSettings say where and on what a run takes place.
type RunSettings struct {
	OutputDir         string `name:"output_dir" help:"folder of the run: model, checkpoints, logs"`
	RunName           string `name:"run_name" help:"what curve.svg, run.json and the first lines call the run; empty = the name of output_dir"`
	DryRun            bool   `name:"dry_run" default:"false" help:"do everything up to the first step, say what the run would do, and leave output_dir as it is"`
	OverwriteOutput   bool   `name:"overwrite_output_dir" default:"false" help:"start from scratch in a folder that is not empty"`
	Resume            string `name:"resume_from_checkpoint" help:"auto = resume from the newest whole checkpoint of output_dir, or the path of one"`
	Device            string `name:"device" default:"auto" help:"auto, cpu or cuda:N"`
	Threads           int    `name:"threads" default:"0" min:"0" help:"CPU threads of the tensor runtime; 0 = one a core"`
	AllowThreadChange bool   `name:"allow_thread_count_change" default:"false" help:"resume with another number of threads, though the bytes may then differ"`
	Seed              int    `name:"seed" default:"42" min:"0" help:"seed of everything random"`
	DataSeed          int    `name:"data_seed" default:"-1" min:"-1" help:"seed of the order of the records; -1 = seed"`
	FullDeterminism   bool   `name:"full_determinism" default:"false" help:"the same bytes for the same run on the same hardware; a kernel that cannot is refused"`
	BF16              bool   `name:"bf16" default:"false" help:"compute in bfloat16 with float32 weights; false = float32 throughout"`
	Checkpointing     bool   `name:"gradient_checkpointing" default:"false" help:"compute activations again in the backward pass instead of keeping them"`
}

// PluginLimits bound what plugins may take.
type PluginLimits struct {
	PluginMemoryMB        int `name:"plugin_memory_mb" default:"64" min:"1" max:"4096" help:"memory of a WASM plugin while it describes itself and its programs are traced, in MiB"`
	PluginFormatMemoryMB  int `name:"plugin_format_memory_mb" default:"256" min:"1" max:"4096" help:"memory of each instance of a WASM formatter, in MiB"`
	PluginCompileMS       int `name:"plugin_compile_ms" default:"30000" min:"1" max:"600000" help:"milliseconds that compiling a WASM plugin of 2.5 MiB or more may take, once for each file and user; a smaller one gets less, at least a twentieth"`
	PluginStartMS         int `name:"plugin_start_ms" default:"1000" min:"1" max:"600000" help:"milliseconds that a WASM plugin may take to initialise itself"`
	PluginTraceMS         int `name:"plugin_trace_ms" default:"1000" min:"1" max:"600000" help:"milliseconds that each call which describes, configures or traces a WASM plugin may take"`
	PluginFormatMS        int `name:"plugin_format_ms" default:"500" min:"1" max:"600000" help:"milliseconds that a formatter outside this program may take for a batch of records, besides 1 for each record"`
	PluginInstances       int `name:"plugin_instances" default:"0" min:"0" max:"64" help:"worker processes of a WASM formatter; 0 = one less than cores, at least 1 and at most 8"`
	PluginProcessMS       int `name:"plugin_process_ms" default:"10000" min:"1" max:"600000" help:"milliseconds that a plugin which is a program of its own may take to start, and for each call but those that format"`
	PluginProcessMemoryMB int `name:"plugin_process_memory_mb" default:"8192" min:"16" help:"memory of a plugin which is a program of its own, in MiB"`
	PluginProgramMB       int `name:"plugin_program_mb" default:"2048" min:"1" help:"memory that the values of a traced loss program may take for one batch, in MiB"`
}

// OptimisationSettings are the course of training.
type OptimisationSettings struct {
	NumTrainEpochs    float64        `name:"num_train_epochs" default:"3" above:"0" help:"passes over the training records"`
	MaxSteps          int            `name:"max_steps" default:"-1" min:"-1" help:"optimizer steps in all; overrides num_train_epochs; -1 = not set"`
	TrainBatchSize    int            `name:"per_device_train_batch_size" default:"8" min:"1" help:"records in a micro-batch; packs or blocks where packing makes some"`
	Packing           string         `name:"packing" default:"auto" choices:"auto|false|true|bfd|wrapped" help:"what a micro-batch counts instead of records: bfd, or true = packs of whole records of up to max_length tokens in all, best-fit decreasing; wrapped = blocks of max_length tokens of one text after the other, none of them cut off; false = records; auto = wrapped where sft gets texts without a prompt, as for pretraining, else false"`
	MaxTokens         int            `name:"max_tokens_per_batch" default:"0" min:"0" help:"fill micro-batches with as many records as have so many tokens together, of all candidates and shared prompts once, instead of per_device_train_batch_size; no batch of an evaluation has more either; 0 = no such bound"`
	Sampling          string         `name:"train_sampling_strategy" default:"random" choices:"random|sequential|group_by_length" help:"order of the records in each epoch: at random, as in the files, or at random with records of about one length in each step"`
	AccumulationSteps int            `name:"gradient_accumulation_steps" default:"1" min:"1" help:"micro-batches in an optimizer step"`
	DropLast          bool           `name:"dataloader_drop_last" default:"false" help:"leave out the last records of an epoch where they do not fill a micro-batch; they are others in each epoch"`
	AccumulationMean  string         `name:"gradient_accumulation_mean" default:"global" choices:"global|micro_batch" help:"one denominator for the whole step, or the mean of the micro-batches' means"`
	Optim             string         `name:"optim" default:"adamw_torch_fused" choices:"adamw_torch_fused|adamw_torch|adafactor" help:"AdamW with a fused kernel, or with foreach kernels, or Adafactor, which keeps little state"`
	LearningRate      float64        `name:"learning_rate" default:"5e-5" min:"0" help:"peak learning rate"`
	WeightDecay       float64        `name:"weight_decay" default:"0" min:"0" help:"decoupled decay of matrices; none for biases and norms"`
	AdamBeta1         float64        `name:"adam_beta1" default:"0.9" min:"0" below:"1" help:"AdamW: decay of the mean of gradients"`
	AdamBeta2         float64        `name:"adam_beta2" default:"0.999" min:"0" below:"1" help:"AdamW: decay of the mean of their squares"`
	AdamEpsilon       float64        `name:"adam_epsilon" default:"1e-8" min:"0" help:"AdamW: added to the denominator"`
	NoiseAlpha        float64        `name:"neftune_noise_alpha" default:"0" min:"0" help:"train with noise on the embeddings of the trained model (NEFTune), uniform up to this over the root of the sequence's tokens times hidden; 0 = none"`
	MaxGradNorm       float64        `name:"max_grad_norm" default:"1" min:"0" help:"gradients are scaled down to this norm; 0 = never"`
	SchedulerType     string         `name:"lr_scheduler_type" default:"linear" choices:"linear|cosine|cosine_with_restarts|polynomial|constant|constant_with_warmup|inverse_sqrt|cosine_with_min_lr|cosine_warmup_with_min_lr|warmup_stable_decay" help:"course of the learning rate"`
	SchedulerKwargs   map[string]any `name:"lr_scheduler_kwargs" keys:"num_cycles|power|lr_end|timescale|min_lr|min_lr_rate|warmup_lr_rate|num_decay_steps|num_stable_steps|min_lr_ratio|warmup_type|decay_type" help:"numbers of the schedule: num_cycles of the cosine ones, power and lr_end of polynomial, timescale of inverse_sqrt, min_lr or min_lr_rate of those with min_lr, warmup_lr_rate of cosine_warmup_with_min_lr; num_decay_steps, num_stable_steps, min_lr_ratio, warmup_type and decay_type (linear, cosine, 1-sqrt) of warmup_stable_decay"`
	WarmupSteps       int            `name:"warmup_steps" default:"0" min:"0" help:"steps over which the rate rises from 0; overrides warmup_ratio"`
	WarmupRatio       float64        `name:"warmup_ratio" default:"0" min:"0" max:"1" help:"the same as a share of all steps, rounded up"`
	DisableDropout    Switch         `name:"disable_dropout" default:"auto" help:"train without dropout, that of adapters included; auto = where answers are compared, as in TRL: by the score head, in examples of several, or with a reference model's log-probabilities of them"`
}

// EvaluationSettings say when and how to evaluate.
type EvaluationSettings struct {
	EvalStrategy        string   `name:"eval_strategy" default:"no" choices:"no|steps|epoch" help:"when to evaluate during training"`
	EvalSteps           int      `name:"eval_steps" default:"0" min:"0" help:"steps between evaluations; 0 = logging_steps, or about 10 evaluations a run where that is 0"`
	EvaluateAtBeginning bool     `name:"evaluate_at_beginning" default:"true" help:"evaluate before the first step, where there are evaluation files"`
	LoadBest            bool     `name:"load_best_model_at_end" default:"false" help:"the model of the best evaluation is the result, not that of the last step; its checkpoint is saved and kept"`
	BestMetric          string   `name:"metric_for_best_model" default:"eval_loss" help:"the metric of evaluations that says which is the best, with eval_ before it or without; where files are evaluated one by one it names one, as in eval_NAME_loss"`
	GreaterIsBetter     string   `name:"greater_is_better" default:"auto" choices:"auto|true|false" help:"whether a greater value is the better one; auto = not for a loss"`
	Patience            int      `name:"early_stopping_patience" default:"0" min:"0" help:"end the run after so many evaluations in a row that were not better than the best; 0 = never"`
	PatienceThreshold   float64  `name:"early_stopping_threshold" default:"0" min:"0" help:"an evaluation is better for early_stopping_patience if it is so by more than this"`
	RMCalibration       bool     `name:"rm_calibration" default:"true" help:"measure the calibration of rewards in evaluations"`
	CalibrationBins     []string `name:"calibration_bins" default:"5" min:"1" max:"1000" help:"numbers of bins to measure it with"`
	ECEStrategy         string   `name:"ece_strategy" default:"uniform" choices:"uniform|quantile" help:"bins of equal width, or of equal numbers of pairs"`
	EvalBatchSize       int      `name:"per_device_eval_batch_size" default:"8" min:"1" help:"records in a batch of an evaluation"`
}

// LoggingSettings say what is logged and saved, and when.
type LoggingSettings struct {
	LoggingStrategy  string   `name:"logging_strategy" default:"steps" choices:"no|steps|epoch" help:"when to log the training loss"`
	LoggingSteps     int      `name:"logging_steps" default:"0" min:"0" help:"steps between log lines; 0 = about 100 lines a run"`
	LoggingFirstStep bool     `name:"logging_first_step" default:"false" help:"log the first step too"`
	ReportTo         []string `name:"report_to" default:"tensorboard" choices:"tensorboard|none" help:"where metrics go besides metrics.jsonl"`
	SaveStrategy     string   `name:"save_strategy" default:"steps" choices:"no|steps|epoch|best" help:"when to save a checkpoint; best = at each evaluation that is the best so far"`
	SaveSteps        int      `name:"save_steps" default:"500" min:"1" help:"steps between checkpoints"`
	SaveTotalLimit   int      `name:"save_total_limit" default:"0" min:"0" help:"checkpoints to keep, the newest, and the best where load_best_model_at_end or save_strategy asks for it; 0 = all"`
}

// Param is one parameter of a plugin, of which only the plugin knows the type
// and range.
type Param struct {
	// Value is a string, int64, float64 or bool from TOML, or a FlagText from
	// the command line, which ParseFlag turns into what the plugin declares.
	Value any
	// Where is where it was given, for errors: "run.toml:12:1" or "flag --margin".
	Where string
}

// WantsBest tells whether the run asks which evaluation was the best.
func (s Settings) WantsBest() bool {
	return s.LoadBest || s.Patience > 0 || s.SaveStrategy == "best"
}

// BestIsGreater tells whether a greater value of the metric is the better one.
func (s EvaluationSettings) BestIsGreater() bool {
	if s.GreaterIsBetter == "auto" {
		return !strings.HasSuffix(s.BestMetric, "loss")
	}
	return s.GreaterIsBetter == "true"
}

// WantsAdapter tells whether the run trains an adapter instead of the model.
func (s AdapterSettings) WantsAdapter() bool {
	return s.LoraR > 0 || s.PEFTConfigPath != "" || s.Adapter != ""
}

// FlagText is the text of a flag whose type is not known yet.
type FlagText string
