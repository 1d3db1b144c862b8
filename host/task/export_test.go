package task

import (
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// HasForm reports whether a record has a form.
func HasForm(r source.Record, form sdk.Form) bool { return lacking(r, form, nil) == "" }
