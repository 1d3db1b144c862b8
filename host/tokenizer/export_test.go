package tokenizer

// Break makes one instance run into a trap, as a fault of the core would.
func (t *Tokenizer) Break() error {
	return t.pool.use(func(i *instance) error {
		i.handle = 1<<32 - 4
		_, err := i.encode([]string{"x"}, 0)
		return err
	})
}

// Instances is how many instances wait for work.
func (t *Tokenizer) Instances() int { return len(t.pool.idle) }
