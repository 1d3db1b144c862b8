package plugin_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
)

const descriptor = `{"llmhost_plugin":1,"abi":2,"abi_minor":9,"new":[],"name":"p","version":"1","doc":"d",` +
	`"components":[{"kind":"loss","name":"l","doc":"","params":[{"name":"a","type":"float","default":1,"min":0,"doc":""}]},{"kind":"pooling","name":"l","doc":"","params":[]}],` +
	`"tasks":[{"name":"t","doc":"","formatter":"builtin:f","head":"lm","pooling":"","loss":"l","defaults":{"a":2}}]}`

func TestDescriptors(t *testing.T) {
	require.NoError(t, plugin.ReadManifest(descriptor), "unknown keys are passed over")
	for _, c := range []struct{ from, to, want string }{
		{descriptor, `[]`, "is not the JSON that the contract requires: the whole is a list; want an object"},
		{`"llmhost_plugin":1`, `"llmhost_plugin":2`, "has llmhost_plugin 2; want 1"},
		{`"abi":2`, `"abi":1`, "speaks ABI 1, host speaks 2; rebuild it with this sdk"},
		{`"name":"p"`, `"name":"a/b"`, `calls the plugin "a/b"; want letters, digits, - and _`},
		{`"name":"p"`, `"name":"a\u001b[31m"`, `calls the plugin "a�[31m"; want letters, digits, - and _`},
		{`"kind":"loss"`, `"kind":"model"`, `has a component of kind "model", which this llmhost does not know`},
		{`"kind":"pooling"`, `"kind":"loss"`, "has two loss components called l"},
		{`"kind":"loss","name":"l"`, `"kind":"loss","name":""`, `calls a loss ""; want letters, digits, - and _`},
		{`"type":"float"`, `"type":"complex"`, `is wrong about loss l: parameter a of type "complex"; want float, int, bool or string`},
		{`"default":1`, `"default":-1`, "is wrong about loss l: the default of parameter a is -1; want a number of at least 0"},
		{`"default":1`, `"default":null`, "is wrong about loss l: the default of parameter a is neither a number, a text, true nor false; want a number of at least 0"},
		{`"name":"a"`, `"name":"a b"`, `is wrong about loss l: parameter "a b"; want letters, digits, - and _`},
		{`"params":[{`, `"params":[{"name":"a","type":"int","default":0},{`, "is wrong about loss l: two parameters called a"},
		{`"loss":"l"`, `"loss":"m"`, `has task t with the loss "m", which the plugin does not have`},
		{`"loss":"l"`, `"loss":""`, "has task t without a loss"},
		{`"head":"lm"`, `"head":"lmm"`, `is wrong about task t: head is "lmm"; want lm, score or classes; did you mean lm?`},
		{`"head":"lm"`, `"head":"\u001b[31m"`, `is wrong about task t: head is "�[31m"; want lm, score or classes`},
		{`"name":"t"`, `"name":"#"`, `calls a task "#"; want letters, digits, - and _`},
		{`"loss":"l"`, `"loss":"l","aliases":["u","a b"]`, `has task t with the alias "a b"; want letters, digits, - and _`},
		{`"defaults":{"a":2}`, `"defaults":{"a":[]}`, `has task t whose default "a" is neither a number, a text, true nor false`},
	} {
		text := strings.Replace(descriptor, c.from, c.to, 1)
		require.NotEqual(t, descriptor, text)
		require.EqualError(t, plugin.ReadManifest(text), "plugin x.wasm: its descriptor "+c.want)
	}
}

func TestReplies(t *testing.T) {
	data, err := plugin.Payload("\x00abc")
	require.NoError(t, err)
	require.Equal(t, "abc", string(data))
	for reply, want := range map[string]string{
		"":        "plugin x.wasm: the reply to describe is not a frame; rebuild it with this sdk",
		"\x02abc": "plugin x.wasm: the reply to describe is not a frame; rebuild it with this sdk",
		"\x01abc": "plugin x.wasm: the error that describe replied with is not JSON: line 1, column 1: 'a' is out of place; want a value",
		"\x01{\"code\":\"internal\",\"message\":\"is \\u001b[2Jtired\"}": "plugin x.wasm: describe: is �[2Jtired",
	} {
		_, err := plugin.Payload(reply)
		require.EqualError(t, err, want)
	}
}

// tracedColumn is a trace reply of a loss that reads column.score, with more keys.
func tracedColumn(more string) string {
	return `{"program":{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"column.score","dtype":"f32","shape":["B","K"]}],` +
		`"nodes":[{"op":"sum","in":[0]}],"terms":[{"name":"x","sum":2}]}` + more + `}`
}

func TestTraceDeclarations(t *testing.T) {
	require.NoError(t, plugin.CheckTrace(tracedColumn("")))
	require.NoError(t, plugin.CheckTrace(tracedColumn(`,"columns":[{"input":"column.score","role":"score","values":[1,0]}],"allow":{"detach":"why"}`)))
	for more, want := range map[string]string{
		`,"columns":[{"input":"column.scores","role":"score"}]`: `its trace declares the column "column.scores", which it does not read`,
		`,"columns":[{"input":"column.score","role":"core"}]`:   `its column.score has the role "core"; want score, weight, reward or mask`,
		`,"allow":{"a b":"x"}`:                                  `it allows a check called "a b"; want letters, digits, - and _`,
		`,"allow":{"detach":""}`:                                `it allows the check detach without a reason; say why the check does not apply`,
	} {
		require.EqualError(t, plugin.CheckTrace(tracedColumn(more)), "loss l of plugin x.wasm: "+want)
	}
}

func TestFormatterDeclarations(t *testing.T) {
	const begin = `{"instance":1,"columns":[{"name":"text","type":"string","required":true,"doc":"d"`
	require.NoError(t, plugin.ReadColumns("\x00"+begin+`,"role":"","examples":["\"a\"","null"]}],"gives":[{"kind":"column","name":"score","role":"score","padding":-1}]}`))
	for more, want := range map[string]string{
		`,"role":"core"}]}`:                                                     `its column "text" has the role "core"; want score, weight, reward or mask`,
		`,"examples":["a"]}]}`:                                                  `its column "text" has the example "a", which is not JSON; put a string in quotes`,
		`}],"gives":[{"kind":"row","name":"score"}]}`:                           `it gives "score" of kind "row"; want column, example_column or label`,
		`}],"gives":[{"kind":"column","name":""}]}`:                             `it gives a column called ""; want a name that can be printed`,
		`}],"gives":[{"kind":"column","name":"x","role":"y"}]}`:                 `what it gives as column.x has the role "y"; want score, weight, reward or mask`,
		`}],"gives":[{"kind":"label","name":"x"},{"kind":"label","name":"x"}]}`: `it gives label.x twice`,
		`}],"allow":{"lost":" "}}`:                                              `it allows the check lost without a reason; say why the check does not apply`,
	} {
		require.EqualError(t, plugin.ReadColumns("\x00"+begin+more), "formatter f of plugin x.wasm: "+want)
	}
}

func TestTraceReplies(t *testing.T) {
	for reply, want := range map[string]string{
		`{`:  "loss l of plugin x.wasm: its trace is not the JSON that the contract requires: it ends in the middle of its JSON",
		`{}`: `loss l of plugin x.wasm: program is not JSON: ""`,
		`{"program":{"llmhost_program":1,"kind":"pooling","inputs":[{"name":"hidden","dtype":"f32","shape":["P","H"]},{"name":"token","dtype":"i64","shape":["M"]},{"name":"sequence","dtype":"i64","shape":["M"]}],"nodes":[{"op":"index_select","in":[0,1],"attrs":{"dim":0}},{"op":"segment_max","in":[3,2],"attrs":{"segments":"N"}}],"output":4}}`: "loss l of plugin x.wasm: its trace is a program of kind pooling",
		`{"program":{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]}],"nodes":[{"op":"sum","in":[0]}],"terms":[{"name":"x","sum":1}]},"locations":["a","b"]}`:                                                                                                                                   "loss l of plugin x.wasm: its trace has 2 locations for 1 nodes",
	} {
		require.EqualError(t, plugin.CheckTrace(reply), want)
	}
}

// FuzzDescriptor reads descriptors. Whatever one holds, what is shown of it can
// be printed on a terminal, and is no flood.
func FuzzDescriptor(f *testing.F) {
	f.Add(descriptor)
	f.Fuzz(func(t *testing.T, text string) {
		if err := plugin.ReadManifest(text); err != nil {
			requirePlain(t, err.Error())
			return
		}
		requirePlain(t, plugin.Explained(text))
	})
}

// FuzzReplies reads the replies to the other calls, with their status byte.
func FuzzReplies(f *testing.F) {
	f.Add("\x00" + `{"instance":1,"columns":[{"name":"text","type":"string","required":true,"doc":"d"}]}`)
	f.Add("\x00" + `{"program":{"llmhost_program":1,"kind":"loss","inputs":[],"nodes":[],"terms":[]},"locations":["a.go:1"]}`)
	f.Add("\x01" + `{"code":"invalid_config","message":"no","field":"x"}`)
	f.Fuzz(func(t *testing.T, reply string) {
		_, err := plugin.Payload(reply)
		for _, err := range []error{err, plugin.ReadColumns(reply), plugin.CheckTrace(reply[min(1, len(reply)):])} {
			if err != nil {
				requirePlain(t, err.Error())
			}
		}
	})
}

// maxShown is more than any error or listing of a small plugin needs, in bytes.
const maxShown = 256 << 10

// requirePlain holds that a text can be printed, and is not long.
func requirePlain(t *testing.T, text string) {
	t.Helper()
	require.Less(t, len(text), maxShown)
	for _, r := range text {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			t.Fatalf("%q is shown, in %.200q", r, text)
		}
	}
}
