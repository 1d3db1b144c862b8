package nearest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/nearest"
)

func TestName(t *testing.T) {
	settings := []string{"learning_rate", "logging_steps", "eval_steps", "save_steps", "seed", "bf16"}
	tests := []struct{ name, want string }{
		{"lerning_rate", "learning_rate"},
		{"learning-rate", "learning_rate"},
		{"Learning_Rate", "learning_rate"},
		{"sede", "seed"},
		{"saves_teps", "save_steps"},
		{"bf61", "bf16"},
		{"vocabulary", ""},
		{"x", ""},
		{"", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, nearest.Name(test.name, settings))
		})
	}
}

func TestHint(t *testing.T) {
	require.Equal(t, "; did you mean seed?", nearest.Hint("sed", []string{"seed"}))
	require.Empty(t, nearest.Hint("zzz", []string{"seed"}))
}
