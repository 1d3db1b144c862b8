package lm

import (
	"fmt"

	"llmhost/host/tokenizer"
)

// SettlePad settles the pad token of a model whose heads read the last token that
// is not it, as transformers finds that token: the tokenizer's, as transformers'
// Trainer and TRL take it, or else that of config.json. Where neither names one, a
// new head gets the end token, as from TRL's RewardTrainer; a head that the folder
// holds is left without, as transformers reads it. The tokenizer then has the
// same pad token, so that others who pad a batch with it get the same numbers.
func (m *Model) SettlePad(tok *tokenizer.Tokenizer) error {
	if tok == nil || !m.Causal() || m.Score == nil && len(m.Classes) == 0 {
		return nil
	}
	special := tok.Special()
	m.storedPad = m.PadID
	switch {
	case special.PAD >= 0:
		m.PadID = int64(special.PAD)
	case m.PadID < 0 && len(m.Fresh) > 0:
		m.PadID = int64(special.EOS)
	}
	m.padNote = m.describePad(special)
	if _, has := tok.Token(int32(m.PadID)); special.PAD >= 0 || !has {
		return nil
	}
	return tok.NamePad(int32(m.PadID))
}

// describePad says which token the heads take for padding where a user may expect
// another.
func (m *Model) describePad(special tokenizer.Special) (note string) {
	stored := m.storedPad
	switch pad := m.PadID; {
	case pad < 0:
		return fmt.Sprintf("neither %s nor its tokenizer names a pad token, so transformers can only score its sequences one at a time; give it one with pad_token = \"<pad>\"", m.Source.Name)
	case special.PAD < 0 && stored < 0:
		note = fmt.Sprintf("the tokenizer has no pad token; it gets its end token, %d, as from TRL's RewardTrainer", pad)
	case pad == int64(special.EOS):
		note = fmt.Sprintf("the pad token is the end token, %d", pad)
	case stored >= 0 && stored != pad:
		return fmt.Sprintf("the tokenizer's pad token is %d and that of %s is %d; the tokenizer's holds, as in transformers' Trainer", pad, m.Source.Name, stored)
	default:
		return ""
	}
	return note + "; heads read the last token that is not it, as in transformers"
}

// adapterPadNote says what a user of PEFT must set, because PEFT opens the base with
// its own config.json, in which an adapter changes nothing; "" where it is right.
func (m *Model) adapterPadNote() string {
	if m.Adapter == nil || m.padNote == "" || m.PadID == m.storedPad {
		return ""
	}
	return fmt.Sprintf("an adapter does not change the config.json of %s: to score with it in PEFT, set model.config.pad_token_id = %d first", m.Source.Name, m.PadID)
}
