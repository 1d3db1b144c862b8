package process

import (
	"context"
	"os"
	"sync"

	"llmhost/sdk"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Serve answers the calls of the llmhost that started this program until
// llmhost tells it to stop. Call it first thing in main: from then on what the
// plugin prints goes to standard error; before, it would corrupt the handshake.
// Started by a person, the program says what it is and exits.
func Serve(p sdk.Plugin) {
	s := &service{server: sdk.NewServer(p), output: os.Stderr}
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
	os.Stdout = claimOutput()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake(),
		Plugins:         goplugin.PluginSet{"plugin": served{service: s}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(
				options,
				grpc.MaxRecvMsgSize(MaxMessage),
				grpc.MaxSendMsgSize(MaxMessage),
			)...)
		},
		Logger: log,
	})
}

// claimOutput keeps standard output for the handshake, and sends what the
// plugin, libraries of other languages and child processes print there to
// standard error.
func claimOutput() (handshake *os.File) {
	kept, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil || unix.Dup2(2, 1) != nil {
		return os.Stdout
	}
	return os.NewFile(uintptr(kept), "handshake")
}

// service answers one call at a time.
type service struct {
	mu     sync.Mutex
	server *sdk.Server
	output *os.File // what the plugin prints goes there
}

// served registers a service the way go-plugin expects.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	service *service
}

// GRPCServer adds the service to a server. Its description is written by hand:
// with bytes in and bytes out there is nothing to generate.
func (p served) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&grpc.ServiceDesc{ServiceName: Service, Methods: p.service.methods()}, nil)
	return nil
}

// GRPCClient is for hosts; there is none in this program.
func (served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, status.Error(codes.Unimplemented, "this program serves a plugin and calls none")
}

func (s *service) methods() []grpc.MethodDesc {
	return []grpc.MethodDesc{
		s.method(Describe, func(uint32, []byte) []byte { return s.server.Describe() }),
		s.method(Configure, s.server.Configure),
		s.method(Trace, s.server.Trace),
		s.method(Format, s.server.Format),
		s.method(Close, func(handle uint32, _ []byte) []byte { s.server.Close(handle); return nil }),
	}
}

func (s *service) method(name string, answer func(number uint32, payload []byte) []byte) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.BytesValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		number, payload, err := readRequest(in.Value)
		if err != nil && name != Describe {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		// By now go-plugin has installed its own pipes here, whose content is
		// lost when the plugin crashes.
		os.Stdout = s.output
		os.Stderr = s.output
		return wrapperspb.Bytes(answer(number, payload)), nil
	}}
}
