package host

import (
	"fmt"
	"strings"

	"llmhost/host/config"
)

// adapterNotes names the settings of adapters that a run was given and that have
// no effect beside others.
func adapterNotes(s config.Settings) []string {
	ours := []string{"lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora", "modules_to_save"}
	var why string
	switch {
	case s.Adapter != "":
		ours, why = append(ours, "peft_config_path"), "adapter_name_or_path brings its own"
	case s.PEFTConfigPath != "":
		why = "peft_config_path has them all"
	case s.LoraR == 0:
		why = "no adapter is trained; set lora_r to train one"
	default:
		return nil
	}
	var idle []string
	for _, name := range ours {
		if s.IsSet(name) {
			idle = append(idle, name)
		}
	}
	switch len(idle) {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("%s has no effect: %s", idle[0], why)}
	}
	return []string{fmt.Sprintf("%s have no effect: %s", strings.Join(idle, ", "), why)}
}
