package config

// checkStreaming refuses what needs to know all records beside streaming.
func (l *loader) checkStreaming(s *Settings) {
	if at := l.holding("streaming_above_gb", "").at; at.text != "" && s.Streaming != Auto {
		l.note(at, "streaming_above_gb has no effect beside streaming = %s", s.Streaming)
	}
	if s.Streaming == Off {
		if at := l.holding("shuffle_buffer_size", "").at; at.text != "" && s.ShuffleBuffer != Default().ShuffleBuffer {
			l.note(at, "shuffle_buffer_size has no effect without streaming, since all records are shuffled")
		}
		return
	}
	if s.Streaming == Auto {
		return // it gives way
	}
	for _, r := range StreamingConflicts(*s) {
		l.refuse(r.Name, "%s", r.Problem)
	}
}

// Conflict is a setting with a value that another one does not go with.
type Conflict struct {
	Name    string
	Problem string // goes on behind the name: "is 3; want …"
}

// StreamingConflicts lists the settings that do not go with streaming.
func StreamingConflicts(s Settings) (all []Conflict) {
	for _, c := range []struct {
		name string
		is   bool
		what string
	}{
		{"max_steps", s.MaxSteps < 1, "is not set, and streaming = true does not know how many steps num_train_epochs would be; set max_steps"},
		{"train_sampling_strategy", s.Sampling == "sequential" && s.ShuffleBuffer > 1, `is "sequential", and streaming = true shuffles through a buffer; set shuffle_buffer_size = 0, which keeps the order of the files`},
		{"precompute_ref_log_probs", s.PrecomputeRefLogProbs, "is true, which goes through all records before the first step; leave it out beside streaming = true, so that the reference computes in each step"},
		{"eval_split", s.EvalSplit > 0, "goes through all records to hold some out, and streaming = true does not; write eval_data_paths, as llmhost data split makes them"},
		{"eval_strategy", s.EvalStrategy == "epoch", `is "epoch", and under streaming = true steps go on from one epoch to the next; write "steps"`},
		{"save_strategy", s.SaveStrategy == "epoch", `is "epoch", and under streaming = true steps go on from one epoch to the next; write "steps"`},
		{"logging_strategy", s.LoggingStrategy == "epoch", `is "epoch", and under streaming = true steps go on from one epoch to the next; write "steps"`},
	} {
		if c.is {
			all = append(all, Conflict{c.name, c.what})
		}
	}
	return all
}
