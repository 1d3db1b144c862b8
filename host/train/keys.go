package train

import (
	"fmt"

	"llmhost/sdk/program"
)

// CheckKeys refuses evaluation sets whose numbers would have the same key in the
// log, as those of files a and a_b with a metric b_loss do.
func (l *Loop) CheckKeys() error {
	names := []string{program.LossKey}
	for _, m := range l.Trainer.Objective.Program().Metrics {
		names = append(names, m.Name)
	}
	from := map[string]string{}
	for _, set := range l.Eval {
		for _, name := range names {
			key := set.Prefix + name
			if other, taken := from[key]; taken {
				return fmt.Errorf(
					"eval_data_paths: %s would be the key of two numbers in the log, %s of the set that %s begins, and another of %s; rename one of the files",
					key,
					name,
					set.Prefix,
					other,
				)
			}
			from[key] = set.Prefix
		}
	}
	return nil
}
