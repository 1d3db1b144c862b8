package sdk

import (
	"errors"
	"strconv"
)

// The first byte of every reply.
const (
	StatusOK    = 0 // the payload follows
	StatusError = 1 // an error as JSON follows: code, message, and the field at fault if there is one
)

// The codes of errors.
const (
	CodeInvalidConfig = "invalid_config"
	CodeBadRequest    = "bad_request" // the host broke the contract
	CodeTrace         = "trace"       // the author's code made a mistake while it was traced
	CodeInternal      = "internal"
)

// Server answers the five calls of a host with bytes, on any transport. A call
// never panics, whatever the plugin's code does. It is not safe for concurrent
// use.
type Server struct {
	plugin     Plugin
	configured map[uint32]any // configured components by handle
	last       uint32
	out        Out // of the row that is formatted
	replies    replyWriter
}

// NewServer returns a server of the plugin.
func NewServer(p Plugin) *Server { return &Server{plugin: p, configured: map[uint32]any{}} }

// Describe replies with the plugin's descriptor.
func (s *Server) Describe() []byte {
	descriptor, err := s.plugin.descriptor()
	if err != nil {
		return failure(CodeInternal, err)
	}
	return success(descriptor)
}

// Configure configures the component with the given index in the descriptor.
// config is a flat JSON object. The reply is a JSON object with the configured
// component's handle (its key is "instance") and, for a formatter, its columns
// and what it declares.
func (s *Server) Configure(index uint32, config []byte) (reply []byte) {
	defer replyToPanic(&reply)
	all := s.plugin.components()
	if uint64(index) >= uint64(len(all)) {
		return failure(CodeBadRequest, errors.New("no component has the index "+strconv.Itoa(int(index))))
	}
	values, err := readFlat(config)
	if err != nil {
		return failure(CodeInvalidConfig, err)
	}
	part, err := all[index].configured(values)
	if err != nil {
		return failure(CodeInvalidConfig, err)
	}
	s.last++
	s.configured[s.last] = part
	b := strconv.AppendUint(appendKey([]byte{'{'}, "instance"), uint64(s.last), 10)
	if f, ok := part.(Formatter); ok {
		b = appendFormatter(b, f)
	}
	return success(append(b, '}'))
}

// Trace traces a configured loss or pooling. The request is a flat JSON object;
// "op_level" is the newest level that the host knows.
func (s *Server) Trace(handle uint32, request []byte) (reply []byte) {
	defer replyToPanic(&reply)
	part, found := s.configured[handle]
	if !found {
		return notConfigured(handle)
	}
	if _, err := readFlat(request); err != nil {
		return failure(CodeBadRequest, err)
	}
	trace, err := traceComponent(part)
	if err != nil {
		return failure(CodeTrace, err)
	}
	return success(trace)
}

// Format runs a configured formatter over a frame of rows and replies with a
// frame of results.
func (s *Server) Format(handle uint32, frame []byte) (reply []byte) {
	return s.AppendFormat(nil, handle, frame)
}

// AppendFormat appends the reply of Format to reply, so that its memory can be
// reused.
func (s *Server) AppendFormat(reply []byte, handle uint32, frame []byte) []byte {
	part, found := s.configured[handle]
	if !found {
		return append(reply, notConfigured(handle)...)
	}
	f, ok := part.(Formatter)
	if !ok {
		return append(reply, failure(CodeBadRequest, errors.New("handle "+strconv.Itoa(int(handle))+" is not a formatter"))...)
	}
	if err := s.format(f, frame); err != nil {
		return append(reply, failure(CodeBadRequest, err)...)
	}
	return s.replies.appendTo(append(reply, StatusOK))
}

// format writes to s.replies what f makes of the rows. It works row by row in
// reused memory, since there may be millions.
func (s *Server) format(f Formatter, frame []byte) error {
	rows, err := newRowReader(frame)
	if err != nil {
		return err
	}
	s.replies.reset()
	for range rows.count {
		row, err := rows.next()
		if err != nil {
			return err
		}
		s.out.reset()
		if err := s.out.format(f, row); err != nil {
			result := asResult(err)
			s.replies.add(&result)
			continue
		}
		s.replies.addOut(&s.out)
	}
	return rows.end()
}

// Close forgets a configured component.
func (s *Server) Close(handle uint32) { delete(s.configured, handle) }

func notConfigured(handle uint32) []byte {
	return failure(CodeBadRequest, errors.New("nothing is configured under handle "+strconv.Itoa(int(handle))))
}

func success(payload []byte) []byte { return append([]byte{StatusOK}, payload...) }

func failure(code string, err error) []byte {
	b := appendField([]byte{StatusError, '{'}, "code", code)
	b = appendField(b, "message", err.Error())
	var field fieldError
	if errors.As(err, &field) {
		b = appendField(b, "field", field.name)
	}
	return append(b, '}')
}

// replyToPanic turns a panic of the plugin's code into a reply.
func replyToPanic(reply *[]byte) {
	if reason := recover(); reason != nil {
		*reply = failure(CodeInternal, errors.New(authorLine()+": panicked: "+panicText(reason)))
	}
}

// descriptor lists what the plugin offers, as JSON.
func (p Plugin) descriptor() ([]byte, error) {
	b := strconv.AppendInt(appendKey([]byte{'{'}, "llmhost_plugin"), 1, 10)
	b = strconv.AppendInt(appendKey(b, "abi"), ABI, 10)
	b = strconv.AppendInt(appendKey(b, "abi_minor"), ABIMinor, 10)
	b = appendField(b, "sdk", "go "+Version)
	b = appendField(b, "name", p.Name)
	b = appendField(b, "version", p.Version)
	b = appendField(b, "doc", p.Doc)
	b = append(appendKey(b, "components"), '[')
	first := true
	for _, c := range p.components() {
		params, err := c.params()
		if err != nil {
			return nil, err
		}
		b = appendComponent(separate(b, &first), c, params)
	}
	b = append(appendKey(append(b, ']'), "tasks"), '[')
	first = true
	for _, t := range p.Tasks {
		b = appendTask(separate(b, &first), t)
	}
	return append(b, "]}"...), nil
}

func appendComponent(b []byte, c component, params []Param) []byte {
	b = appendField(append(b, '{'), "kind", c.kind)
	b = appendField(b, "name", c.name)
	b = appendField(b, "doc", c.doc)
	b = append(appendKey(b, "params"), '[')
	first := true
	for _, p := range params {
		b = appendParam(separate(b, &first), p)
	}
	return append(b, "]}"...)
}

func appendParam(b []byte, p Param) []byte {
	b = appendField(append(b, '{'), "name", p.Name)
	b = appendField(b, "type", string(p.Type))
	b = appendValue(appendKey(b, "default"), p.Default)
	if p.Min != nil {
		b = appendFloat64(appendKey(b, "min"), *p.Min)
	}
	if p.Max != nil {
		b = appendFloat64(appendKey(b, "max"), *p.Max)
	}
	if p.Choices != nil {
		b = appendList(appendKey(b, "choices"), p.Choices)
	}
	if p.Values != nil {
		b = appendList(appendKey(b, "values"), p.Values)
	}
	if p.Aliases != nil {
		b = appendList(appendKey(b, "aliases"), p.Aliases)
	}
	return append(appendField(b, "doc", p.Doc), '}')
}

func appendTask(b []byte, t Task) []byte {
	b = appendField(append(b, '{'), "name", t.Name)
	b = appendField(b, "doc", t.Doc)
	b = appendField(b, "formatter", t.Formatter)
	b = appendField(b, "head", t.Head)
	b = appendField(b, "pooling", t.Pooling)
	b = appendField(b, "loss", t.Loss)
	b = append(appendKey(b, "defaults"), CanonicalConfig(t.Defaults)...)
	if len(t.Aliases) > 0 {
		b = appendList(appendKey(b, "aliases"), t.Aliases)
	}
	return append(b, '}')
}
