package model

import (
	"bytes"
	"slices"
)

// settleTie makes config.json say of the two matrices that tie_word_embeddings can
// make one whether they are, as transformers decides it: tied in the config, but
// with two different matrices in the files, they are two.
func (f *Model) settleTie(files *stored, o Options) error {
	pair := architectureOf(f.class).tied
	if pair.head == "" || string(f.class.Value(f.ConfigText, "tie_word_embeddings")) != "true" {
		return nil
	}
	embedding, head := files.spelled.of(pair.embedding), files.spelled.of(pair.head)
	if o.Untie {
		if !files.Has(head) {
			files.renamed[pair.head] = embedding
		}
		if !files.Has(embedding) {
			files.renamed[pair.embedding] = head
		}
		f.Untied = true
		return f.SetConfig("tie_word_embeddings", false)
	}
	switch {
	case !files.Has(head):
		return nil
	case !files.Has(embedding): // the one matrix has the other name
		files.renamed[pair.embedding] = head
		return nil
	}
	if !o.Heads.predict() {
		return nil
	}
	same, err := files.same(embedding, head)
	if err != nil || same {
		return err
	}
	f.Untied = true
	return f.SetConfig("tie_word_embeddings", false)
}

// same tells whether two tensors of the files are equal.
func (s *stored) same(first, second string) (bool, error) {
	a, err := s.Get(first)
	if err != nil {
		return false, err
	}
	b, err := s.Get(second)
	return err == nil && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Data, b.Data), err
}
