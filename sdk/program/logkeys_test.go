package program_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/program"
)

// A log entry has each key once: what the host fills itself, and what terms are
// called in it, is not for metrics.
func TestKeysOfTheHostAreReserved(t *testing.T) {
	metric := func(name string) (*program.Program, error) {
		return program.Parse([]byte(loss(inputs, nodes, terms, fmt.Sprintf(`{"name":%q,"sum":4,"exp":false}`, name))))
	}
	for _, name := range []string{"step", "epoch", "loss", "Loss", "grad_norm", "learning_rate", "tokens_per_second", "lr", "grad"} {
		_, err := metric(name)
		require.EqualError(t, err, "program: metric "+name+": that is the host's own key in the log; choose another name")
	}
	for name, begin := range map[string]string{"eval_loss": "eval_", "EVAL_x": "eval_", "eval_": "eval_", "calibration_ECE_bin10": "calibration_"} {
		_, err := metric(name)
		require.EqualError(t, err, "program: metric "+name+": the host's own keys in the log begin with "+begin+"; choose another name")
	}
	_, err := metric("loss_nll")
	require.EqualError(t, err, "program: metric loss_nll: the log has the term nll under that name; choose another name")
	for _, name := range []string{"nll", "loss_ratio", "losses", "steps", "evaluations", "accuracy/loss", "perplexity", "gradient"} {
		_, err := metric(name)
		require.NoError(t, err, name)
	}
}
