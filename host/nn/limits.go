package nn

// Limits are what a model takes, by its config.json.
type Limits struct {
	Vocab     int64 // ids are below it
	Types     int64 // token types are below it; 0 = it has none
	Positions int64 // the most tokens of a sequence that it was made for
	// Rotary positions go on beyond those, as in transformers; others are rows of a
	// table, which ends there.
	Rotary bool
}
