package tokenizer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Flags of tok_encode, as tokcore/src/lib.rs has them.
const (
	withSpecial = 1 << iota
	detailed
	pairs
	splitSpecial
	plainRanges
)

// instance is one running core with one tokenizer, or one chat template, in it. One
// caller at a time.
type instance struct {
	module  api.Module
	exports map[string]api.Function
	printed *tail // what the core wrote on its standard error: the reason of a trap
	handle  uint64
	vocab   int
	maxID   int32
	base    uint32 // bytes of memory after loading
	dead    bool   // trapped; its memory is in an unknown state

	generation bool // the template has {% generation %}
}

// startInstance starts a core and hands content to the export called name, whose reply
// begins with the handle of what it made. The rest of the reply is returned.
func startInstance(e *engine, name string, content []byte) (*instance, []byte, error) {
	i := &instance{printed: new(tail), exports: map[string]api.Function{}}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithStderr(i.printed)
	var err error
	if i.module, err = e.runtime.InstantiateModule(context.Background(), e.compiled, config); err != nil {
		return nil, nil, fmt.Errorf("starting the built-in core: %w", err)
	}
	reply, err := i.ask(name, content)
	if err != nil {
		i.close()
		return nil, nil, err
	}
	i.handle = uint64(binary.LittleEndian.Uint32(reply))
	i.base = i.module.Memory().Size()
	return i, reply[4:], nil
}

// newInstance starts a core and loads file, the bytes of a tokenizer.json.
func newInstance(e *engine, file []byte) (*instance, error) {
	i, reply, err := startInstance(e, "tok_new", file)
	if err != nil {
		return nil, err
	}
	i.vocab = int(binary.LittleEndian.Uint32(reply))
	i.maxID = int32(binary.LittleEndian.Uint32(reply[4:]))
	return i, nil
}

func (i *instance) close() { i.module.Close(context.Background()) }

// encode runs tok_encode over texts and returns its payload.
func (i *instance) encode(texts []string, flags uint64) ([]byte, error) {
	return i.ask("tok_encode", packed(texts), i.handle, flags)
}

// packed writes texts as the core reads them: how many, the length of each, then all.
func packed(texts []string) []byte {
	size := 4 + 4*len(texts)
	for _, text := range texts {
		size += len(text)
	}
	request := binary.LittleEndian.AppendUint32(make([]byte, 0, size), uint32(len(texts)))
	for _, text := range texts {
		request = binary.LittleEndian.AppendUint32(request, uint32(len(text)))
	}
	for _, text := range texts {
		request = append(request, text...)
	}
	return request
}

// decode runs tok_decode.
func (i *instance) decode(ids []int32, skipSpecial uint64) (string, error) {
	request := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		request = binary.LittleEndian.AppendUint32(request, uint32(id))
	}
	text, err := i.ask("tok_decode", request, i.handle, skipSpecial)
	return string(text), err
}

// tokenID runs tok_token_to_id; -1 means that there is no such token.
func (i *instance) tokenID(token string) (int32, error) {
	reply, err := i.ask("tok_token_to_id", []byte(token), i.handle)
	if err != nil {
		return -1, err
	}
	return int32(binary.LittleEndian.Uint32(reply)), nil // the core's "none", all bits set, is -1
}

// token runs tok_id_to_token.
func (i *instance) token(id int32) (string, error) {
	text, err := i.ask("tok_id_to_token", binary.LittleEndian.AppendUint32(nil, uint32(id)), i.handle)
	return string(text), err
}

// ask hands request and arguments to the export called name and returns the
// payload of its reply.
func (i *instance) ask(name string, request []byte, arguments ...uint64) ([]byte, error) {
	at, err := i.put(request)
	if err != nil {
		return nil, err
	}
	packed, err := i.run(name, append([]uint64{at, uint64(len(request))}, arguments...)...)
	if err != nil {
		return nil, err
	}
	return i.take(packed)
}

// put copies request into memory of the core and returns its address there.
func (i *instance) put(request []byte) (uint64, error) {
	at, err := i.run("tok_alloc", uint64(len(request)))
	if err != nil {
		return 0, err
	}
	if len(request) > 0 && !i.module.Memory().Write(uint32(at), request) {
		return 0, i.kill(errors.New("the core gave out memory that it does not have"))
	}
	return at, nil
}

// take copies the reply at packed (address and length), frees it there, and
// returns its payload, or the error in the reply.
func (i *instance) take(packed uint64) ([]byte, error) {
	at := uint32(packed >> 32)
	size := uint32(packed)
	view, ok := i.module.Memory().Read(at, size)
	if !ok || size < 4 {
		return nil, i.kill(errors.New("the core replied with memory that it does not have"))
	}
	reply := append([]byte(nil), view...)
	if _, err := i.run("tok_free", uint64(at), uint64(size)); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(reply) != 0 {
		return nil, errors.New(string(reply[4:]))
	}
	return reply[4:], nil
}

// run calls an export. An error is a trap, after which the instance is dead.
func (i *instance) run(name string, arguments ...uint64) (uint64, error) {
	f := i.exports[name]
	if f == nil {
		f = i.module.ExportedFunction(name)
		i.exports[name] = f
	}
	result, err := f.Call(context.Background(), arguments...)
	if err != nil {
		return 0, i.kill(err)
	}
	if len(result) == 0 {
		return 0, nil
	}
	return result[0], nil
}

// kill marks the instance dead and returns cause with what the core printed.
func (i *instance) kill(cause error) error {
	i.dead = true
	if said := strings.TrimSpace(i.printed.String()); said != "" {
		return fmt.Errorf("the core stopped: %s: %w", said, firstLine(cause))
	}
	return fmt.Errorf("the core stopped: %w", firstLine(cause))
}

// firstLine leaves out the stack of WebAssembly functions behind a trap.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

// tail keeps the first kilobyte that is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), 1024-len(t.text))]...)
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }
