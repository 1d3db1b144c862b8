package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	none := func(string) string { return "" }
	s, err := settingsFrom(nil, func(name string) string { return name + "/python" })
	require.NoError(t, err)
	require.Equal(t, []string{"sft", "rrhf"}, s.Tasks)
	require.Equal(t, "tiny", s.Model)
	require.Equal(t, "cpu", s.Device)
	require.Equal(t, "LLMHOST_PEER_PYTHON/python", s.Peer)
	s, err = settingsFrom([]string{"-tasks", "rrhf", "-model", "m", "-steps", "2", "-json", "o.json", "-threads", "1", "-device", "cuda:1"}, none)
	require.NoError(t, err)
	require.Equal(t, "cuda:1", s.Device)
	require.Equal(t, []string{"rrhf"}, s.Tasks)
	require.Empty(t, s.Peer)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-tasks", "sft,dpo"}, `-tasks names "dpo"; want some of sft, rrhf`},
		{[]string{"-steps", "0"}, "-steps is 0; want at least 1"},
		{[]string{"-threads", "0"}, "-threads is 0; want at least 1"},
		{[]string{"tiny"}, `"tiny" is not a flag; flags are written -name value`},
	} {
		_, err := settingsFrom(c.args, none)
		require.EqualError(t, err, c.want)
	}
}
