package tokenizer

// Break makes one instance trap, as a bug of the core would.
func (t *Tokenizer) Break() error {
	return t.pool.use(func(i *instance) error {
		i.handle = 1<<32 - 4
		_, err := i.encode([]string{"x"}, 0)
		return err
	})
}

// Instances is how many instances are idle.
func (t *Tokenizer) Instances() int { return len(t.pool.idle) }

// EncodeWhole encodes texts by the core alone.
func (t *Tokenizer) EncodeWhole(texts []string) ([][]int32, error) { return t.encodeAll(texts, false) }

// KnownPieces is how many pieces of texts are kept.
func (t *Tokenizer) KnownPieces() int {
	if t.pieces == nil {
		return 0
	}
	return len(t.pieces.first) + len(t.pieces.inner)
}

// KeepPieces bounds the pieces that are kept.
func (t *Tokenizer) KeepPieces(most int) {
	t.ready.Do(func() { t.pieces = newPieces(t) })
	t.pieces.most = most
}
