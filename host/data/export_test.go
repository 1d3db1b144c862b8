package data

// Restored writes examples into a store at path and reads them again.
func Restored(path string, examples []Example) ([]Example, error) {
	w, err := newStore(path, "key")
	if err != nil {
		return nil, err
	}
	defer w.abort()
	for _, e := range examples {
		if err := w.add(e, Size{}, 0); err != nil {
			return nil, err
		}
	}
	if err := w.commit(len(examples), nil); err != nil {
		return nil, err
	}
	store, err := openStore(path, "key", nil)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return Collect(store)
}

// Reopened reads all examples of the store at path.
func Reopened(path string) ([]Example, error) {
	store, err := openStore(path, "key", nil)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return Collect(store)
}

// Decoded reads an example as a store has it, whose checksum is right.
func Decoded(text []byte) (Example, error) {
	c := codec{names: dictionaryOf([]string{"a", "b"}), files: dictionaryOf([]string{"a.jsonl"})}
	return c.read(text)
}

// Encoded is what a store has of an example.
func Encoded(e Example) []byte {
	var c codec
	return c.append(nil, e)
}
