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
