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
