package jsonobject_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"llmhost/host/jsonobject"

	"github.com/stretchr/testify/require"
)

func Example() {
	o, err := jsonobject.Parse([]byte(`{"z": 1, "bos_token": null, "a": {"y": 2, "b": 3}}`))
	fmt.Printf("%s%v", o.Set("bos_token", "<s>").Set("z", nil).Set("new", []int{1}).Text(), err)
	// Output:
	// {
	//   "bos_token": "<s>",
	//   "a": {
	//     "y": 2,
	//     "b": 3
	//   },
	//   "new": [
	//     1
	//   ]
	// }
	// <nil>
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", "[1]", `{"a": }`, `{"a": 1`, "3"} {
		_, err := jsonobject.Parse([]byte(text))
		require.Error(t, err, text)
	}
	o, err := jsonobject.Parse([]byte(`{}`))
	require.NoError(t, err)
	require.Nil(t, o.Get("a"))
	require.Equal(t, json.RawMessage(`"x"`), o.Set("a", "x").Get("a"))
}
