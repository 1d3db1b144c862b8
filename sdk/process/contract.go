// Package process turns a plugin into a separate program, which llmhost starts
// and talks to over gRPC, as go-plugin does. A main package is one line:
//
//	func main() { process.Serve(rrhf.Plugin) }
//
// The five calls of the contract are methods of the service llmhost.v2.Plugin.
// Request and reply of each are one google.protobuf.BytesValue: a request is a
// number, little-endian in four bytes, then the payload; the reply is the same
// frame as on every other transport. So there is no schema to generate code from,
// and this file is all that another language needs to follow.
//
// A main package that is also built as WASM uses sdk/serve.
package process

import (
	"encoding/binary"
	"errors"

	"llmhost/sdk"

	goplugin "github.com/hashicorp/go-plugin"
)

// Service is the gRPC service of a plugin, and the names below are its methods.
const (
	Service   = "llmhost.v2.Plugin"
	Describe  = "Describe"  // no number, no payload
	Configure = "Configure" // a component, its configuration
	Trace     = "Trace"     // a handle, the request
	Format    = "Format"    // a handle, a frame of rows
	Close     = "Close"     // a handle; the reply is empty
)

// MaxMessage is the most bytes that one request or reply may have.
const MaxMessage = 64 << 20

// Handshake is what host and plugin check about each other before they talk.
// The protocol version is that of the contract.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  sdk.ABI,
		MagicCookieKey:   "LLMHOST_PLUGIN",
		MagicCookieValue: "llmhost",
	}
}

// Request joins the parts of a request.
func Request(number uint32, payload []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(payload)), number), payload...)
}

// readRequest splits a request.
func readRequest(request []byte) (number uint32, payload []byte, err error) {
	if len(request) < 4 {
		return 0, nil, errors.New("a request of less than four bytes; want a number and a payload")
	}
	return binary.LittleEndian.Uint32(request), request[4:], nil
}
