package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// script starts a shell that plays a worker.
func script(t *testing.T, text string) (*process, error) {
	t.Helper()
	return startProcess(context.Background(), "script", 1, []string{"sh", "-c", text}, &greeting{})
}

func TestProcessAnswers(t *testing.T) {
	p, err := script(t, `echo '{"threads": 3}'; read line; echo "{\"loss\": ${line#step }}"`)
	require.NoError(t, err)
	defer p.close()
	var o outcome
	require.NoError(t, p.ask("step 7", &o))
	require.Equal(t, 7.0, o.Loss)
}

func TestProcessThatDiesIsQuoted(t *testing.T) {
	_, err := script(t, `echo "no torch here" >&2; exit 3`)
	require.EqualError(t, err, "script: EOF; it said:\nno torch here")
	p, err := script(t, `echo '{}'; read line; echo "out of memory" >&2; exit 1`)
	require.NoError(t, err)
	require.ErrorContains(t, p.ask("step 0", &outcome{}), "out of memory")
	_, err = startProcess(context.Background(), "peer", 1, []string{"/no/such/python"}, &greeting{})
	require.ErrorContains(t, err, "peer: ")
}

func TestProcessThatTalksOtherwise(t *testing.T) {
	_, err := script(t, `echo "hello"; read line`)
	require.ErrorContains(t, err, "script: invalid character 'h'")
}

func TestLastLines(t *testing.T) {
	require.Equal(t, "b\nc", lastLines("a\nb\nc\n", 2))
	require.Equal(t, "a", lastLines("a", 2))
}
