package process

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"llmhost/sdk"

	goplugin "github.com/hashicorp/go-plugin"
)

// maxOpening bounds the output, in bytes, that is searched for a handshake.
const maxOpening = 64 << 10

// opening reads what a program prints up to its handshake, one line such as
// "1|2|unix|/tmp/x/plugin123|grpc|MIIB…": version of go-plugin's protocol and of
// the contract, network and address, kind, and certificate in base64. All that
// comes after it is passed on to rest.
type opening struct {
	handshake chan string // gets one line; has capacity for one
	rest      io.Writer

	mu      sync.Mutex
	printed []byte // so far, without the handshake
	begun   int    // start in printed of the incomplete line
	over    bool
}

// Write never fails.
func (o *opening) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return o.rest.Write(p)
	}
	o.printed = append(o.printed, p...)
	for {
		end := bytes.IndexByte(o.printed[o.begun:], '\n')
		if end < 0 {
			break
		}
		line := strings.TrimSpace(string(o.printed[o.begun : o.begun+end]))
		if isHandshake(line) {
			after := o.printed[o.begun+end+1:]
			o.close(line, o.printed[:o.begun])
			o.rest.Write(after)
			return len(p), nil
		}
		o.begun += end + 1
	}
	if len(o.printed) > maxOpening {
		o.close("", o.printed)
	}
	return len(p), nil
}

// close ends the search; without a handshake the line is "".
func (o *opening) close(line string, before []byte) {
	o.printed = append([]byte(nil), before...)
	o.over = true
	o.rest.Write(o.printed)
	o.handshake <- line
}

// giveUp ends the search if it has not ended yet.
func (o *opening) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.close("", o.printed)
	}
}

// before is what the program printed before its handshake.
func (o *opening) before() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.printed)
}

// isHandshake reports whether a line is a handshake.
func isHandshake(line string) bool {
	parts := strings.Split(line, "|")
	if len(parts) < 4 {
		return false
	}
	_, core := strconv.Atoi(parts[0])
	_, version := strconv.Atoi(parts[1])
	return core == nil && version == nil
}

// checkHandshake returns what is wrong with a handshake, before go-plugin acts on
// it. A socket must be in the plugin's private folder.
func (p *Program) checkHandshake(line, before, folder string) error {
	parts := append(strings.Split(line, "|"), "", "", "", "", "", "")
	first, _, _ := strings.Cut(strings.TrimSpace(before), "\n")
	if len(first) > 100 {
		first = first[:100] + "…"
	}
	switch {
	case line == "":
		return p.fault(NotPlugin, "is not a plugin: it printed %q and more, but no handshake", first)
	case parts[0] != strconv.Itoa(goplugin.CoreProtocolVersion):
		return p.fault(
			WrongABI,
			"its handshake is of version %s of go-plugin's protocol, this llmhost knows %d; rebuild it with this sdk",
			parts[0],
			goplugin.CoreProtocolVersion,
		)
	case parts[1] != strconv.Itoa(sdk.ABI):
		return p.fault(WrongABI, "speaks ABI %s, host speaks %d; rebuild it with this sdk", parts[1], sdk.ABI)
	case first != "":
		return p.fault(
			Printed,
			"printed %q to standard output before its handshake; print to standard error, or after the SDK has begun to serve",
			first,
		)
	case parts[4] != string(goplugin.ProtocolGRPC):
		return p.fault(NotPlugin, "serves %q; want %q", parts[4], goplugin.ProtocolGRPC)
	case len(parts[5]) <= minCertificate:
		return p.fault(NotPlugin, "has no certificate in its handshake; llmhost only connects over mutual TLS")
	case !isCertificate(parts[5]):
		return p.fault(NotPlugin, "has no certificate that can be read in its handshake; want one as DER, in base64 without padding")
	}
	return p.checkAddress(parts[2], parts[3], folder)
}

func isCertificate(text string) bool {
	der, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	_, err = x509.ParseCertificate(der)
	return err == nil
}

// checkAddress refuses an address that could be another machine's, or another
// program's. No name is resolved.
func (p *Program) checkAddress(network, address, folder string) error {
	switch network {
	case "unix":
		if isSocketIn(folder, address) {
			return nil
		}
		return p.fault(NotPlugin, "announces the socket %q; want one in the folder PLUGIN_UNIX_SOCKET_DIR, which it was given", address)
	case "tcp":
		if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
			return nil
		}
		return p.fault(NotPlugin, "announces the address %q; want a number of this machine itself, such as 127.0.0.1:4711 or [::1]:4711", address)
	}
	return p.fault(NotPlugin, "announces an address of the network %q; want unix or tcp", network)
}

// isSocketIn reports whether a path is that of a socket below a folder, links
// followed.
func isSocketIn(folder, path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket || !filepath.IsAbs(path) {
		return false
	}
	return isBelow(resolved(folder), resolved(path))
}

// minCertificate is the length from which go-plugin treats the sixth field of a
// handshake as a certificate.
const minCertificate = 50
