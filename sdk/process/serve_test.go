package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"llmhost/sdk"
	"llmhost/sdk/process"
)

// asPlugin makes the test binary serve a plugin instead of testing.
const asPlugin = "LLMHOST_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		process.Serve(sdk.Plugin{Name: "talker", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("talks", "prints", talks{})}})
		return
	}
	os.Exit(m.Run())
}

type talks struct{}

func (talks) Trace(g *sdk.Graph) sdk.Objective {
	fmt.Println("from the plugin")
	child := exec.Command("echo", "from its child")
	child.Stdout = os.NewFile(1, "standard output as libraries know it")
	if err := child.Run(); err != nil {
		panic(err)
	}
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: g.Logps().Sum(), Coefficient: 1}}}
}

// serve starts this binary as a plugin under go-plugin's own client.
func serve(t *testing.T, stderr *strings.Builder) *grpc.ClientConn {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asPlugin+"=1")
	client := goplugin.NewClient(&goplugin.ClientConfig{HandshakeConfig: process.Handshake(), Cmd: cmd, Plugins: goplugin.PluginSet{}, AutoMTLS: true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(), Stderr: stderr})
	t.Cleanup(client.Kill)
	protocol, err := client.Client()
	require.NoError(t, err)
	require.NoError(t, protocol.Ping())
	t.Cleanup(func() { require.Contains(t, stderr.String(), "from the plugin\nfrom its child\n") })
	t.Cleanup(client.Kill) // before the one above looks
	return protocol.(*goplugin.GRPCClient).Conn
}

func TestServe(t *testing.T) {
	connection := serve(t, &strings.Builder{})
	call := func(method string, request []byte) (string, error) {
		var reply wrapperspb.BytesValue
		err := connection.Invoke(context.Background(), "/"+process.Service+"/"+method, wrapperspb.Bytes(request), &reply)
		return string(reply.Value), err
	}
	described, err := call(process.Describe, nil)
	require.NoError(t, err)
	require.Contains(t, described, `"name":"talker"`)
	configured, err := call(process.Configure, process.Request(0, []byte("{}")))
	require.NoError(t, err)
	require.Equal(t, "\x00"+`{"instance":1}`, configured)
	traced, err := call(process.Trace, process.Request(1, []byte(`{"op_level":1}`)))
	require.NoError(t, err)
	require.Contains(t, traced, `"terms":[{"name":"x"`)
	formatted, err := call(process.Format, process.Request(1, nil))
	require.NoError(t, err)
	require.Contains(t, formatted, "handle 1 is not a formatter")
	closed, err := call(process.Close, process.Request(1, nil))
	require.NoError(t, err)
	require.Empty(t, closed)
	traced, err = call(process.Trace, process.Request(1, []byte(`{"op_level":1}`)))
	require.NoError(t, err)
	require.Contains(t, traced, "nothing is configured under handle 1")
	_, err = call(process.Trace, []byte("abc"))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
}

func TestStartedByHand(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asPlugin+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "This binary is a plugin.")
}
