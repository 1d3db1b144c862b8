package wasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/wasm"
)

var _ = wasm.Register(sdk.Plugin{Name: "one"})

func TestOneModuleHoldsOnePlugin(t *testing.T) {
	require.PanicsWithValue(t, "wasm: Register was called twice; one module holds one plugin", func() { wasm.Register(sdk.Plugin{Name: "two"}) })
}
