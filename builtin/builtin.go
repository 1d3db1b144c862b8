// Package builtin lists the plugins that are linked into the binary. The list
// is a plain value: code that needs it calls All, and nothing registers itself.
package builtin

import (
	"llmhost/builtin/alpaca"
	"llmhost/builtin/alpacachat"
	"llmhost/builtin/chatpairs"
	"llmhost/builtin/chosenrejected"
	"llmhost/builtin/classification"
	"llmhost/builtin/cpo"
	"llmhost/builtin/distill"
	"llmhost/builtin/dpo"
	"llmhost/builtin/hh"
	"llmhost/builtin/kto"
	"llmhost/builtin/labelledcompletion"
	"llmhost/builtin/llama2chat"
	"llmhost/builtin/messages"
	"llmhost/builtin/multiclassification"
	"llmhost/builtin/offlineppo"
	"llmhost/builtin/orpo"
	"llmhost/builtin/plaintext"
	"llmhost/builtin/pooling"
	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/builtin/promptcompletion"
	"llmhost/builtin/rejectionsampling"
	"llmhost/builtin/reward"
	"llmhost/builtin/rrhf"
	"llmhost/builtin/sft"
	"llmhost/builtin/sharegpt"
	"llmhost/builtin/simpo"
	"llmhost/builtin/weightedlearning"
	"llmhost/sdk"
)

// All returns the builtin plugins. No two components of one kind, and no two
// tasks, share a name.
func All() []sdk.Plugin {
	return []sdk.Plugin{
		rrhf.Plugin,
		sft.Plugin,
		classification.Plugin,
		multiclassification.Plugin,
		reward.Plugin,
		rejectionsampling.Plugin,
		weightedlearning.Plugin,
		dpo.Plugin,
		kto.Plugin,
		orpo.Plugin,
		simpo.Plugin,
		cpo.Plugin,
		offlineppo.Plugin,
		distill.Plugin,
		preference.Plugin,
		chosenrejected.Plugin,
		promptanswer.Plugin,
		alpaca.Plugin,
		llama2chat.Plugin,
		plaintext.Plugin,
		messages.Plugin,
		promptcompletion.Plugin,
		chatpairs.Plugin,
		labelledcompletion.Plugin,
		alpacachat.Plugin,
		sharegpt.Plugin,
		hh.Plugin,
		pooling.Plugin,
	}
}
