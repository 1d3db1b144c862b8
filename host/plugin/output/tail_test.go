package output_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/output"
)

func TestHint(t *testing.T) {
	for _, x := range []struct{ name, printed, want string }{
		{"nothing", " \n", ""},
		{"a line", "bye\n", `; its last output: "bye"`},
		{"a panic", "hello\npanic: no\n\ngoroutine 1 [running]:\n…", `; its last output: "panic: no"`},
		{"a traceback", "hello\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no\n", `; its last output: "ValueError: no"`},
		{"a long text", strings.Repeat("x", 1000), `; its last output: "…` + strings.Repeat("x", 300) + `"`},
	} {
		t.Run(x.name, func(t *testing.T) {
			var tail output.Tail
			fmt.Fprint(&tail, x.printed)
			require.Equal(t, x.want, tail.Hint())
		})
	}
}

func TestTheEndIsKept(t *testing.T) {
	var tail output.Tail
	for range 100_000 {
		fmt.Fprintln(&tail, "more")
	}
	fmt.Fprint(&tail, strings.Repeat("y", 1<<20)+" the end")
	require.True(t, strings.HasSuffix(tail.Hint(), ` the end"`))
}
