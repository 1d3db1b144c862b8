package lora

import (
	"fmt"
	"strings"
)

// Adapts tells whether a module gets an adapter.
func (c Config) Adapts(module string) (bool, error) { return c.adapts(module) }

// Saves tells whether a module, or one around it, is saved whole.
func (c Config) Saves(module string) bool { return c.saves(module) }

// RankAndAlpha are those of a module.
func (c Config) RankAndAlpha(module string) (rank int, alpha float64, err error) {
	if rank, err = c.RankPattern.of("rank_pattern", module, c.R); err != nil {
		return 0, 0, err
	}
	alpha, err = c.AlphaPattern.of("alpha_pattern", module, c.Alpha)
	return rank, alpha, err
}

// Text is the text of adapter_config.json.
func (c Config) Text() string { return string(c.json()) }

// Parse reads a LoraConfig.
func Parse(text string) (Config, error) { return parseConfig([]byte(text)) }

// Fields are the names of the table; Refused those whose values are errors.
func Fields() []string { return fieldNames() }

// Refused are the fields that are errors unless they are empty.
func Refused() (names []string) {
	for _, f := range fields {
		if f.rule == refused {
			names = append(names, f.name)
		}
	}
	return names
}

// Inits are the names of init_lora_weights, and what is opened and made.
func Inits() (names []string, open, make map[string]bool) {
	open, make = map[string]bool{}, map[string]bool{}
	for _, b := range begins {
		open[b.value], make[b.value] = b.open, b.make
	}
	return initNames(), open, make
}

// Page is PEFT.md.
func Page() string {
	var b strings.Builder
	b.WriteString(`# What llmhost does with each field of PEFT's LoraConfig

The fields of PEFT 0.21 and of two older versions, for adapters that are opened (` + "`adapter_name_or_path`" + `, ` + "`llmhost merge`" + `) and
LoraConfigs that new ones are made by (` + "`peft_config_path`" + `). Any other field is an error with the nearest name. This page is the table of
` + "`fields.go` and `initial.go`" + `, which a test compares with it, and with PEFT's own list.

- **applied**: read, checked, acted upon as PEFT does, and written with the adapter.
- **written**: without effect here; written as it was read.
- **ignored**: without effect, and not written.
- **refused**: an error that names the field, unless it is null, false or empty.

| field | | |
| --- | --- | --- |
`)
	for _, f := range fields {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, f.rule, f.why)
	}
	b.WriteString("\n## init_lora_weights\n\n| value | an adapter made so is opened, trained on, merged and saved | a new adapter is made so | |\n| --- | --- | --- | --- |\n")
	yes := map[bool]string{true: "yes", false: "refused"}
	for _, x := range begins {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", x.value, yes[x.open], yes[x.make], x.why)
	}
	b.WriteString(`
Null is false, as to PEFT. For ` + "`pissa` and `olora`" + ` the weight below an adapter is W − s·B₀·A₀ of the beginning, which is computed again from the
base whenever the adapter is opened: by llmhost as by PEFT. The model without its adapter is then no reference for a loss.

## Files

- ` + "`adapter_model.safetensors`" + ` beside ` + "`adapter_config.json`" + `, float32, with the names that PEFT gives. ` + "`adapter_model.bin`" + `, another name and tensors with
  the name of an adapter in theirs are errors that say what to do.
- Embeddings and ` + "`lm_head`" + ` that PEFT put there by itself (` + "`save_embedding_layers`" + `, a resized vocabulary) replace the base's, stay frozen, and are
  saved again. Any other weight of the base is treated alike.
- Names of classes and the use of 4 bits are in the metadata of the weights, where PEFT does not look.
`)
	return b.String()
}
