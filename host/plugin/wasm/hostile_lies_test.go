package wasm_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"

	"llmhost/sdk"
)

// manifest is a descriptor with one component of a kind, after which more of
// its keys may come.
func manifest(kind, more string) string {
	return `{"llmhost_plugin":1,"abi":2,"abi_minor":0,"sdk":"none","name":"hostile","version":"1","doc":"","components":[{"kind":"` + kind + `","name":"x","doc":"","params":[]` + more + `}],"tasks":[]}`
}

// described are the answers of a plugin of one component that is sound.
func described(kind string) map[string]string {
	answers := map[string]string{
		"llmhost_describe":  "\x00" + manifest(kind, ""),
		"llmhost_configure": "\x00" + `{"instance":1}`,
		"llmhost_trace":     "\x00" + `{"program":` + loss(`{"op":"sum","in":[0]}`, `{"name":"t","sum":1}`) + `}`,
	}
	if kind == "formatter" {
		answers["llmhost_configure"] = "\x00" + `{"instance":1,"columns":[{"name":"text","type":"string","required":false,"doc":""}]}`
		answers["llmhost_format"] = "\x00" + string(sdk.EncodeResults(results(3)))
	}
	return answers
}

// sound is a plugin that is what it says.
func sound() []byte { return guest{answers: described("loss")}.build() }

func loss(nodes, terms string) string {
	return `{"llmhost_program":1,"op_level":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]}],"nodes":[` + nodes + `],"terms":[` + terms + `]}`
}

func results(n int) []sdk.Result {
	all := make([]sdk.Result, n)
	for i := range all {
		all[i].Example.Candidates = []sdk.Candidate{{Prompt: "p", Answer: "a"}}
	}
	return all
}

// says is a sound plugin of the kind, but for one answer.
func says(kind, function, answer string) func() []byte {
	answers := maps.Clone(described(kind))
	answers[function] = answer
	return guest{answers: answers}.build
}

// describes is a plugin with the descriptor.
func describes(descriptor string) func() []byte {
	return says("loss", "llmhost_describe", "\x00"+descriptor)
}

// params is a plugin with a loss that has the parameters.
func params(list string) func() []byte {
	return describes(strings.Replace(manifest("loss", ""), `"params":[]`, `"params":[`+list+`]`, 1))
}

// traces is a plugin whose loss has the nodes and terms.
func traces(nodes, terms string) func() []byte {
	return says("loss", "llmhost_trace", "\x00"+`{"program":`+loss(nodes, terms)+`}`)
}

// formats is a plugin whose formatter answers a batch with a frame.
func formats(frame string) func() []byte { return says("formatter", "llmhost_format", "\x00"+frame) }

// repeated is a text many times, made when it is wanted.
func repeated(text string, times int, in func(string) func() []byte) func() []byte {
	return func() []byte { return in(strings.Repeat(text, times))() }
}

// of names a component in an error.
const (
	inLoss      = "!loss x of plugin hostile.wasm: "
	inFormatter = "!formatter x of plugin hostile.wasm: "
)

// lying are modules that keep to the calls and give wrong answers. In the
// host's own process an answer is looked at no earlier, so it is not asked.
var lying = []misdeed{
	// descriptors
	{name: "describe gives no frame", here: "-", code: says("loss", "llmhost_describe", "what"), want: "the reply to describe is not a frame; rebuild it with this sdk"},
	{name: "describe gives nothing", here: "-", code: says("loss", "llmhost_describe", ""), want: "the reply to describe is not a frame; rebuild it with this sdk"},
	{name: "describe fails", here: "-", code: says("loss", "llmhost_describe", "\x01"+`{"code":"internal","message":"no \u001b[31m\nway"}`), want: "describe:\n  no �[31m\n  way"},
	{name: "describe fails without JSON", here: "-", code: says("loss", "llmhost_describe", "\x01no"), want: "the error that describe replied with is not JSON: …"},
	{name: "descriptor is no JSON", here: "-", code: describes("{"), want: "its descriptor is not the JSON that the contract requires: …"},
	{name: "descriptor nests without end", here: "-", code: repeated("[", 5_000_000, describes), want: "its descriptor is not the JSON that the contract requires: …"},
	{name: "descriptor of wrong types", here: "-", code: describes(`{"llmhost_plugin":1,"abi":2,"name":["x"]}`), want: "its descriptor is not the JSON that the contract requires: \"name\" is a list; want a text"},
	{name: "descriptor of another ABI", here: "-", code: describes(`{"llmhost_plugin":1,"abi":7,"name":"x"}`), want: "its descriptor speaks ABI 7, host speaks 2; rebuild it with this sdk"},
	{name: "a name with control characters", here: "-", code: describes(`{"llmhost_plugin":1,"abi":2,"name":"\u001b[2J"}`), want: `its descriptor calls the plugin "�[2J"; want letters, digits, - and _`},
	{name: "two components of one name", here: "-", code: describes(strings.Replace(manifest("loss", ""), `"components":[`, `"components":[{"kind":"loss","name":"x"},`, 1)), want: "its descriptor has two loss components called x"},
	{name: "a component of no kind", here: "-", code: describes(manifest("optimizer", "")), want: `its descriptor has a component of kind "optimizer", which this llmhost does not know`},
	{name: "100,000 components", here: "-", code: repeated(`{"kind":"loss","name":"x"},`, 100_000, func(list string) func() []byte {
		return describes(strings.Replace(manifest("loss", ""), `"components":[`, `"components":[`+list, 1))
	}), want: "its descriptor has 100001 components and 0 tasks; at most 256 of each are allowed"},
	{name: "1,000 parameters", here: "-", code: repeated(`{"name":"a","type":"float"},`, 1000, func(list string) func() []byte { return params(strings.TrimSuffix(list, ",")) }), want: "its descriptor is wrong about loss x: 1000 parameters; at most 256 are allowed"},
	{name: "two parameters of one name", here: "-", code: params(`{"name":"a","type":"float","default":1},{"name":"a","type":"int","default":1}`), want: "its descriptor is wrong about loss x: two parameters called a"},
	{name: "a parameter of no type", here: "-", code: params(`{"name":"a","type":"file","default":"/etc/passwd"}`), want: `its descriptor is wrong about loss x: parameter a of type "file"; want float, int, bool or string`},
	{name: "a default of another type", here: "-", code: params(`{"name":"a","type":"int","default":"much"}`), want: `its descriptor is wrong about loss x: the default of parameter a is "much"; want a whole number`},
	{name: "a default out of its range", here: "-", code: params(`{"name":"a","type":"float","default":1e300,"min":0,"max":1}`), want: "its descriptor is wrong about loss x: the default of parameter a is 1e+300; want a number from 0 to 1"},
	{name: "a bound beyond all numbers", here: "-", code: params(`{"name":"a","type":"float","default":1,"max":1e999}`), want: "its descriptor is not the JSON that the contract requires: …"},
	{name: "a number of two million digits", here: "-", code: repeated("9", 2_000_000, func(digits string) func() []byte { return describes(`{"llmhost_plugin":` + digits + `}`) }),
		want: `its descriptor is not the JSON that the contract requires: "llmhost_plugin" is the number 999…; want a whole number`},
	{name: "200,000 defaults of a task", here: "-", code: manyDefaults, want: "its descriptor has task t with 200000 defaults; at most 256 are allowed"},
	{name: "a default of a task in escape codes", here: "-", code: describes(strings.Replace(manifest("loss", ""), `"tasks":[]`, `"tasks":[{"name":"t","loss":"x","defaults":{"\u001b[2J":1}}]`, 1)),
		want: `its descriptor has task t with a default for "�[2J"; want letters, digits, - and _`},
	{name: "a default of a megabyte", here: "-", code: repeated("x", 1<<20, func(s string) func() []byte { return params(`{"name":"a","type":"string","default":"` + s + `"}`) }),
		want: "its descriptor is wrong about loss x: the default of parameter a is 1048576 bytes; at most 4096 are allowed"},
	{name: "a task of parts that are not there", here: "-", code: describes(strings.Replace(manifest("loss", ""), `"tasks":[]`, `"tasks":[{"name":"t","loss":"y"}]`, 1)), want: `its descriptor has task t with the loss "y", which the plugin does not have`},

	// configure and trace
	{name: "configure gives no JSON", here: "-", code: says("loss", "llmhost_configure", "\x00no"), want: "the reply to configure is not the JSON that the contract requires: …"},
	{name: "configure refuses what it declared", here: "-", code: says("loss", "llmhost_configure", "\x01"+`{"code":"invalid_config","message":"a is 1; want 2","field":"a"}`), want: "configuring loss x: a is 1; want 2"},
	{name: "echoes the request", here: "-", code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_configure": i64((65536-8192)<<32 | 2)}}.build, want: "the reply to configuring loss x is not a frame; rebuild it with this sdk"},
	{name: "trace gives no JSON", here: "-", code: says("loss", "llmhost_trace", "\x00no"), want: inLoss + "its trace is not the JSON that the contract requires: …"},
	{name: "trace of another kind than described", here: "-", code: says("pooling", "llmhost_trace", described("loss")["llmhost_trace"]), want: "!pooling x of plugin hostile.wasm: its trace is a program of kind loss"},
	{name: "more places than nodes", here: "-", code: says("loss", "llmhost_trace", "\x00"+`{"program":`+loss(`{"op":"sum","in":[0]}`, `{"name":"t","sum":1}`)+`,"locations":["a","b"]}`), want: inLoss + "its trace has 2 locations for 1 nodes"},

	// programs
	{name: "10^6 nodes", here: "-", code: repeated("{},", 1_000_000, func(nodes string) func() []byte { return traces(strings.TrimSuffix(nodes, ","), "") }), want: inLoss + "program is 3000140 bytes; at most 1048576 are allowed"},
	{name: "10^6 nodes in a reply that is too long", here: "-", code: manyNodes, want: "llmhost_trace replied with 22…"},
	{name: "10^5 short nodes", here: "-", code: repeated("{},", 100_000, func(nodes string) func() []byte { return traces(strings.TrimSuffix(nodes, ","), "") }), want: inLoss + "program has 100000 nodes; at most 4096 are allowed"},
	{name: "10^12 elements whatever the batch", here: "-", code: traces(`{"op":"sum","in":[0]},{"op":"expand","in":[1],"attrs":{"shape":["1000000","1000000"]}},{"op":"sum","in":[2]}`, `{"name":"t","sum":3}`),
		want: inLoss + "program: needs more than 1024 MiB even for a batch of one token"},
	{name: "10^12 elements at usual sizes", here: "-", code: traces(`{"op":"sum","in":[0]},{"op":"expand","in":[1],"attrs":{"shape":["B*T","K*T","B*K*T"]}},{"op":"sum","in":[2]}`, `{"name":"t","sum":3}`),
		want: "!program takes 524289 MiB for a batch of B = 8, K = 4, T = 512, more than 2048 MiB: its largest value is node 1, expand, f32 [B*T, K*T, B*K*T]"},
	{name: "a dimension beyond all numbers", here: "-", code: traces(`{"op":"sum","in":[0]},{"op":"expand","in":[1],"attrs":{"shape":["99999999999*B*99999999999"]}},{"op":"sum","in":[2]}`, `{"name":"t","sum":3}`),
		want: inLoss + `program: node 1: expand: dimension "99999999999*B*99999999999" is too large`},
	{name: "an output of another shape", here: "-", code: traces(`{"op":"exp","in":[0]}`, `{"name":"t","sum":1}`), want: inLoss + "program: node 0: term t: sum is f32 [B, K, T]; want f32 [] (reduce it with sum)"},
	{name: "a pooling of another shape", here: "-", code: says("pooling", "llmhost_trace", "\x00"+`{"program":{"llmhost_program":1,"op_level":1,"kind":"pooling","inputs":[{"name":"hidden","dtype":"f32","shape":["P","H"]}],"nodes":[],"output":0}}`),
		want: "!pooling x of plugin hostile.wasm: program: output is f32 [P, H]; want f32 [N, H]"},
	{name: "an input of another shape", here: "-", code: says("loss", "llmhost_trace", "\x00"+`{"program":`+strings.Replace(loss(`{"op":"sum","in":[0]}`, `{"name":"t","sum":1}`), `["B","K","T"]`, `["B"]`, 1)+`}`),
		want: inLoss + "program: input 0: policy.logps is f32 [B, K, T]; the program says f32 [B]"},
	{name: "a node that reads itself", here: "-", code: traces(`{"op":"exp","in":[1]},{"op":"sum","in":[1]}`, `{"name":"t","sum":2}`), want: inLoss + "program: node 0: exp: input is value 1; want one of the 1 before it"},
	{name: "a coefficient of NaN", here: "-", code: traces(`{"op":"sum","in":[0]}`, `{"name":"t","sum":1,"coefficient":NaN}`), want: inLoss + "its trace is not the JSON that the contract requires: …"},
	{name: "a count that depends on the model", here: "-", code: traces(`{"op":"sum","in":[0]}`, `{"name":"t","sum":1,"count":1}`),
		want: inLoss + "program: node 0: term t: its count depends on policy.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},

	{name: "escape codes in a program", here: "-", code: traces(`{"op":"\u001b[2J\u009b","in":[7]}`, `{"name":"\u001b]0;x\u0007","sum":9}`),
		want: "!loss x of plugin hostile.wasm:\n  program: node 0: �[2J�: input is value 7; want one of the 1 before it\n  …\n  program: term �]0;x�: sum is value 9 of 2"},
	{name: "control characters of two bytes in a program", here: "-", code: traces(`{"op":"sum","in":[0]}`, "{\"name\":\"t\",\"sum\":\"\u009b2J\u202e\"}"), want: inLoss + `term 0 key "sum" is "�2J�"; want a value number`},

	// formatters
	{name: "a formatter that never answers", here: "-", limits: quick, code: guest{answers: described("formatter"), bodies: map[string][]byte{"llmhost_format": join(forever(), i64(0))}}.build,
		want: "its worker spent more than 303ms on formatting 3 rows and was killed (sha256 …); look for a loop that does not end"},
	{name: "a formatter that crashes", here: "-", code: guest{answers: described("formatter"), bodies: map[string][]byte{"llmhost_format": unreachable()}}.build,
		want: "llmhost_format trapped: unreachable (sha256 …"},
	{name: "answers for another record", here: "-", code: counts,
		want: inFormatter + "mixes up or remembers records: formatted twice, this one gave two results; Format may depend only on its row and parameters"},
	{name: "answers to fewer records", here: "-", code: formats(string(sdk.EncodeResults(results(2)))), want: inFormatter + "its reply is broken: row frame: 2 answers to 3 rows (sha256 …)"},
	{name: "answers to more records", here: "-", code: formats(string(sdk.EncodeResults(results(4)))), want: inFormatter + "its reply is broken: row frame: 4 answers to 3 rows (sha256 …)"},
	{name: "answers to 4 billion records", here: "-", code: formats("\xff\xff\xff\xff\x00"), want: inFormatter + "its reply is broken: row frame: 4294967295 answers to 3 rows (sha256 …)"},
	{name: "an answer that is cut short", here: "-", code: formats(string(sdk.EncodeResults(results(3))[:12])), want: inFormatter + "its reply is broken: row frame: broken or cut short at its …"},
	{name: "bytes after the answers", here: "-", code: formats(string(append(sdk.EncodeResults(results(3)), 0))), want: inFormatter + "its reply is broken: row frame: broken or cut short at its end, …"},
	{name: "a million candidates in three megabytes", here: "-", code: func() []byte {
		return formats("\x03\x00\x00\x00\x00" + "\x00\x00" + string(binary.AppendUvarint(nil, 1_000_000)) + "\x01\x00\x00\x00" + strings.Repeat("\x00\x00\x00", 1_000_000))()
	}, want: inFormatter + "its reply is broken: row frame: broken or cut short at its example of 1000000 candidates, of which at most 4096 are allowed, …"},
	{name: "a million names of columns", here: "-", code: func() []byte {
		return formats("\x03\x00\x00\x00" + string(binary.AppendUvarint(nil, 1_000_000)) + strings.Repeat("\x00", 1_000_000))()
	}, want: inFormatter + "its reply is broken: row frame: 1000000 names of columns; at most 1024 are allowed (sha256 …)"},
	{name: "a column without a name", here: "-", code: formats("\x03\x00\x00\x00\x00" + "\x00\x01\x63\x00\x00\x00\x00\x00\x00\x00\x00"), want: inFormatter + "its reply is broken: row frame: broken or cut short at its …"},
	{name: "an answer that is not UTF-8", here: "-", code: func() []byte {
		return formats(string(bytes.Replace(sdk.EncodeResults(results(3)), []byte("\x01p"), []byte("\x01\xff"), 1)))()
	}, want: inFormatter + "…UTF-8…"},
	{name: "escape codes in what is wrong with a record", here: "-", code: formats("\x03\x00\x00\x00\x00" + strings.Repeat("\x02\x07\x1b[2J\xc2\x9b!", 3)), want: inFormatter + "�[2J�!"},
	{name: "escape codes in an error of the call", here: "-", code: says("formatter", "llmhost_format", "\x01"+`{"code":"internal","message":"\u001b[2J"}`), want: "formatting with x: �[2J"},
	{name: "a column that is no number", here: "-", code: formats("\x03\x00\x00\x00\x01\x01s" + strings.Repeat("\x00\x00\x01\x01\x01p\x01a\x01\x00\x00\x00\x00\x00\x00\x00\xf8\x7f", 3)), want: inFormatter + `column "s" of candidate 0 is not finite`},
	{name: "a column beyond the names", here: "-", code: formats("\x03\x00\x00\x00\x01\x01s" + strings.Repeat("\x00\x00\x01\x01\x01p\x01a\x01\x07\x00\x00\x00\x00\x00\x00\xf8\x7f", 3)), want: inFormatter + "its reply is broken: row frame: broken or cut short at its column name, …"},
	{name: "columns that nobody can read", here: "-", code: says("formatter", "llmhost_configure", "\x00"+`{"instance":1,"columns":[{"name":"text","type":"file","required":false,"doc":""}]}`), want: inFormatter + "…"},
	{name: "a formatter without format", here: "-", code: func() []byte {
		answers := described("formatter")
		delete(answers, "llmhost_format")
		return guest{answers: answers}.build()
	}, want: "does not export llmhost_format"},
}

// counts answers the first row of its n-th batch with the n-th letter.
func counts() []byte {
	answers := described("formatter")
	frame := answers["llmhost_format"]
	before := len(answers["llmhost_configure"]) + len(answers["llmhost_describe"]) // data goes by name
	letter := i32(int64(replyAt + before + strings.Index(frame, "\x01a") + 1))
	body := join(letter, letter, []byte{0x2d, 0, 0}, i32(1), []byte{0x6a, 0x3a, 0, 0}) // one more
	return guest{answers: answers, bodies: map[string][]byte{"llmhost_format": join(body, i64(int64(replyAt+before)<<32|int64(len(frame))))}}.build()
}

// manyDefaults has a task with more defaults than there are settings.
func manyDefaults() []byte {
	var list strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&list, `,"k%d":1`, i)
	}
	return describes(strings.Replace(manifest("loss", ""), `"tasks":[]`, `"tasks":[{"name":"t","loss":"x","defaults":{`+list.String()[1:]+`}}]`, 1))()
}

// manyNodes makes a trace of 10^6 nodes when it is called: its memory is filled
// by copying, so that the module itself is small.
func manyNodes() []byte {
	const node = `{"op":"exp","in":[0]},`
	g := guest{answers: described("loss"), memory: join([]byte{1, 0}, u32(1024))}
	var code []byte
	const from = 1 << 20
	for i, c := range []byte(node) {
		code = append(code, join(i32(from+int64(i)), i32(int64(c)), []byte{0x3a, 0, 0})...)
	}
	for size := int64(len(node)); size < int64(len(node))*1_000_000; size *= 2 {
		code = append(code, join(i32(from+size), i32(from), i32(min(size, int64(len(node))*1_000_000-size)), []byte{0xfc, 0x0a, 0, 0})...)
	}
	g.bodies = map[string][]byte{"llmhost_trace": join(code, i64(from<<32|int64(len(node))*1_000_000))}
	return g.build()
}
