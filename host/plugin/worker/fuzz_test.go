package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/worker"
)

// FuzzMessages reads what a worker sends that a module got hold of.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("h\x10\x00\x00\x00llmhost worker 1r\x02\x00\x00\x00ok"))
	f.Add([]byte("x\xff\xff\xff\xff"))
	f.Add([]byte(`{"Fault":6,"Text":"llmhost_format ran forever"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		again, err := worker.ReadMessages(data, 1<<16)
		require.Error(t, err, "at the end at the latest")
		require.Equal(t, string(data[:len(again)]), string(again))
		require.NotEmpty(t, worker.AsError(data).Error())
	})
}
