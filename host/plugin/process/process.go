// Package process runs a plugin that is a separate program, over gRPC as
// go-plugin does. Such a program has the rights of the user who runs llmhost:
// this package is not a sandbox. It makes sure that the program is the one that
// was opened, that nobody else can use the connection, that the program gets
// nothing of the environment but PATH and LANG, and that it ends after use,
// with all that it started. A misbehaving program gives an *Error that names
// it.
//
// It only knows the transport; what the calls mean is up to host/plugin. Start
// at Open, which reads, and Program.Start, which runs.
package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"llmhost/host/plugin/output"
	"llmhost/host/tempfolder"
	"llmhost/sdk/process"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
)

// Limits bound one plugin. The zero value of a field means its default.
type Limits struct {
	Start     time.Duration // from its start to the open connection; 10 s
	Call      time.Duration // of one call of the contract but format; 10 s
	Format    time.Duration // of one batch; 500 ms
	FormatRow time.Duration // extra for each row of it; 1 ms
	MemoryMiB int           // of writable memory that it allocated; 8192
}

// withDefaults fills in zero fields.
func (l Limits) withDefaults() Limits {
	fill := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&l.Start, 10*time.Second)
	fill(&l.Call, 10*time.Second)
	fill(&l.Format, 500*time.Millisecond)
	fill(&l.FormatRow, time.Millisecond)
	if l.MemoryMiB == 0 {
		l.MemoryMiB = 8192
	}
	return l
}

// Process is a running plugin. After any of its calls fails it must not be used
// again. Close ends it.
type Process struct {
	program    *Program
	limits     Limits
	private    *tempfolder.Folder
	folder     string // the path of private, with its copy and its socket
	child      *child
	client     *goplugin.Client
	connection *grpc.ClientConn
}

// maxFolder bounds the path of a private folder: that of the socket in it has
// at most 107 bytes, 40 of them after the folder.
const maxFolder = 67

// Start runs a private copy of the program and connects to it.
func (p *Program) Start(ctx context.Context, limits Limits) (*Process, error) {
	private, err := tempfolder.Make("llmhost-plugin-")
	if err != nil {
		return nil, fmt.Errorf("plugin %s: its private copy: %w", p.path, err)
	}
	running := &Process{
		program: p,
		limits:  limits.withDefaults(),
		private: private,
		folder:  private.Path,
	}
	if len(running.folder) > maxFolder {
		private.Close()
		return nil, p.fault(
			CannotStart,
			"cannot be started: the folder for temporary files, %s, has too long a path for a socket in it; set TMPDIR to a shorter one",
			os.TempDir(),
		)
	}
	if err := running.start(ctx); err != nil {
		running.Close(context.Background())
		return nil, err
	}
	return running, nil
}

func (r *Process) start(ctx context.Context) error {
	root, err := r.program.copyTo(r.folder)
	if err != nil {
		return err
	}
	cmd, err := r.program.in(root)
	if err != nil {
		return err
	}
	own, certificate, err := newCertificate()
	if err != nil {
		return err
	}
	cmd.Env = []string{"PLUGIN_CLIENT_CERT=" + string(certificate)}
	for _, name := range []string{"PATH", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	r.client = goplugin.NewClient(r.config(ctx, cmd, own))
	return r.connect(ctx)
}

// in returns the command that runs the copy of the program in root.
func (p *Program) in(root string) (*exec.Cmd, error) {
	cmd := &exec.Cmd{Path: filepath.Join(root, filepath.FromSlash(p.entry)), Dir: root}
	cmd.Args = append(append([]string(nil), p.command...), cmd.Path)
	if p.command != nil {
		found, err := p.found(root)
		if err != nil {
			return nil, err
		}
		cmd.Path = found
	}
	return cmd, nil
}

// config is go-plugin's configuration. It gets a process from us, not a
// command, since a command of its own would read our standard input. So the
// checksum is compared by Program instead.
func (r *Process) config(ctx context.Context, cmd *exec.Cmd, own tls.Certificate) *goplugin.ClientConfig {
	printed := &output.Tail{}
	return &goplugin.ClientConfig{
		HandshakeConfig:  process.Handshake(),
		Plugins:          goplugin.PluginSet{},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{own},
			MinVersion:   tls.VersionTLS13,
			ServerName:   serverName,
		},
		SkipHostEnv:      true,
		StartTimeout:     r.limits.Start,
		Logger:           hclog.NewNullLogger(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: r.folder},
		RunnerFunc: func(_ hclog.Logger, asked *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Env = append(cmd.Env, asked.Env...)
			r.child = &child{program: r.program, limits: r.limits, cmd: cmd, output: printed, folder: r.folder, givenUp: ctx.Done(),
				opening: &opening{handshake: make(chan string, 1), rest: printed}, exited: make(chan struct{})}
			return r.child, nil
		},
	}
}

// connect starts the process and opens the connection, within one limit for both.
func (r *Process) connect(ctx context.Context) error {
	began := time.Now()
	if _, err := r.client.Start(); err != nil {
		return r.failedStart(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, r.limits.Start-time.Since(began))
	defer cancel()
	defer context.AfterFunc(limited, r.child.stop)()
	protocol, err := r.client.Client()
	switch {
	case ctx.Err() == nil && limited.Err() != nil:
		return r.program.fault(
			TimedOut,
			"accepted no connection within %v of its start and was stopped%s",
			r.limits.Start,
			r.child.output.Hint(),
		)
	case err != nil:
		return r.failedStart(ctx, err)
	}
	r.connection = protocol.(*goplugin.GRPCClient).Conn
	return nil
}

// failedStart passes on our own errors and puts go-plugin's in the plugin's terms.
func (r *Process) failedStart(ctx context.Context, err error) error {
	var fault *Error
	switch {
	case ctx.Err() != nil: // the run was stopped, not the plugin
		return ctx.Err()
	case errors.As(err, &fault):
		return err
	case r.hasEnded() && !r.child.stopped.Load():
		fault = r.program.fault(
			Died,
			"died while starting: %s (sha256 %s)%s",
			r.child.ended(),
			r.program.digest[:12],
			r.child.output.Hint(),
		)
	default:
		fault = r.program.fault(CannotStart, "cannot be reached: %s%s", reason(err), r.child.output.Hint())
	}
	fault.Cause = err
	return fault
}

// unstartable explains why the system does not run a program.
func (p *Program) unstartable(path string, err error) error {
	var cause error = err
	var failed *os.PathError
	if errors.As(err, &failed) {
		cause = failed.Err
	}
	e := p.fault(CannotStart, "cannot be run: %v", cause)
	if errors.Is(err, os.ErrPermission) {
		e.Text += fmt.Sprintf(" (its copy is %s; if files there may not be run, set TMPDIR to a folder where they may)", path)
	}
	e.Cause = err
	return e
}

// leaving is how long a plugin may take to end when told to.
const leaving = time.Second

// Close ends the process with all that it started, and removes its copy.
func (r *Process) Close(context.Context) error {
	if r.isStarted() {
		defer time.AfterFunc(leaving, r.child.stop).Stop()
		r.client.Kill()
		r.child.stop()
		<-r.child.exited
	}
	return r.private.Close()
}

func (r *Process) isStarted() bool { return r.child != nil && r.child.guard != nil }
