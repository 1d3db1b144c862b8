package host

import (
	"fmt"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/lm"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tokenizer"
)

// limitsOf are what the run's model takes. Its vocabulary has no limit where the run
// lets it grow, or an adapter may bring a larger one.
func limitsOf(s config.Settings, tok *tokenizer.Tokenizer) (nn.Limits, error) {
	limits, err := model.ReadLimits(s.Model)
	if s.ResizeVocab || len(tok.Added()) > 0 || s.Adapter != "" {
		limits.Vocab = 0
	}
	if err == nil && limits.Vocab > 0 && len(tok.Beyond()) > 0 {
		err = lm.SourceOf(s.ModelSettings, s.AdapterSettings, "").CheckVocabulary(tok, limits.Vocab)
	}
	return limits, err
}

// checkFits refuses sequences that the model has no place for, and notes those that
// are longer than what it was made for.
func (d *dataset) checkFits(s config.Settings, limits nn.Limits) error {
	if d.batching.grouping.Packing == data.PackWrapped {
		return d.checkBlocks(s, limits)
	}
	var long data.Misfits
	for _, survey := range d.surveys {
		if err := misfit(s, survey, limits); err != nil {
			return err
		}
		long = long.Join(survey.TooLong)
	}
	switch {
	case long.Count > 0:
		d.notes = append(d.notes, fmt.Sprintf(
			"%s longer than the %d positions that %s was made for (max_position_embeddings), the first at %s with %d tokens; rotary positions go on beyond those, as in transformers; max_length = %d would cut it",
			console.Count(long.Count, "sequence"),
			limits.Positions,
			s.Model,
			long.First,
			long.Found,
			limits.Positions,
		))
	case int64(s.MaxLength) > limits.Positions && s.IsSet("max_length"):
		d.notes = append(d.notes, fmt.Sprintf(
			"max_length is %d, and %s was made for %d positions (max_position_embeddings); no sequence is longer than those",
			s.MaxLength,
			s.Model,
			limits.Positions,
		))
	}
	return nil
}

// checkBlocks is checkFits for blocks, which are all of max_length tokens.
func (d *dataset) checkBlocks(s config.Settings, limits nn.Limits) error {
	for _, survey := range d.surveys {
		survey.TooLong = data.Misfits{} // texts, of which blocks hold parts
		if err := misfit(s, survey, limits); err != nil {
			return err
		}
	}
	if limits.Positions == 0 || int64(s.MaxLength) <= limits.Positions {
		return nil
	}
	what := fmt.Sprintf("packing %q makes blocks of max_length %d tokens, and %s was made for %d positions (max_position_embeddings)", data.PackWrapped, s.MaxLength, s.Model, limits.Positions)
	if !limits.Rotary {
		return fmt.Errorf("%s; set max_length = %d", what, limits.Positions)
	}
	d.notes = append(d.notes, fmt.Sprintf("%s; rotary positions go on beyond those, as in transformers", what))
	return nil
}

// misfit is the error of the first sequence that the model has no place for.
func misfit(s config.Settings, survey data.Survey, limits nn.Limits) error {
	id, kind, long := survey.OtherID, survey.OtherType, survey.TooLong
	switch {
	case id.Count > 0:
		return fmt.Errorf(
			"%s: the text has the token %d, and the model %s has vocab_size %d; give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow",
			id.First,
			id.Found,
			s.Model,
			limits.Vocab,
		)
	case kind.Count > 0:
		return fmt.Errorf(
			"%s: the second text of a pair, such as text_pair, has tokens of type %d, and the model %s has type_vocab_size %d; leave it out of the records, or take a model that reads pairs",
			kind.First,
			kind.Found,
			s.Model,
			limits.Types,
		)
	case long.Count > 0 && !limits.Rotary:
		return fmt.Errorf(
			"%s: a sequence has %d tokens, and the model %s has positions for %d (max_position_embeddings); set max_length = %d, which cuts longer ones",
			long.First,
			long.Found,
			s.Model,
			limits.Positions,
			limits.Positions,
		)
	}
	return nil
}
