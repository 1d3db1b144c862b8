package sdk

// Markup is what a formatter that lays chats out by itself writes around their turns.
// A formatter returns it from a method Markup() Markup, called once a run like
// Columns, so that a host can say where a model was made for another layout. One that
// leaves the layout to the model's chat template has none.
type Markup struct {
	// Special are texts that must be special tokens of the tokenizer: "<s>".
	Special []string

	// Texts are others that mark turns, which the chat template of a model of this
	// layout writes too: "[INST]".
	Texts []string
}

// appendMarkup appends the markup of a formatter that declares it.
func appendMarkup(b []byte, f Formatter) []byte {
	declares, has := f.(interface{ Markup() Markup })
	if !has {
		return b
	}
	markup := declares.Markup()
	b = append(appendKey(b, "markup"), '{')
	if len(markup.Special) > 0 {
		b = appendList(appendKey(b, "special"), markup.Special)
	}
	if len(markup.Texts) > 0 {
		b = appendList(appendKey(b, "texts"), markup.Texts)
	}
	return append(b, '}')
}
