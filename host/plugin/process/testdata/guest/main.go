// Command guest is a plugin whose components misbehave, each in its way.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"llmhost/sdk"
	"llmhost/sdk/process"
)

func main() {
	process.Serve(sdk.Plugin{
		Name: "guest", Version: "0.0.1", Doc: "misbehaves",
		Losses: []sdk.LossSpec{
			sdk.NewLoss("fine", "prints, and is fine", fine{}),
			sdk.NewLoss("exits", "leaves", exits{}),
			sdk.NewLoss("crashes", "panics where nobody catches it", crashes{}),
			sdk.NewLoss("killed", "is ended by a signal", killed{}),
			sdk.NewLoss("spins", "never answers", spins{}),
			sdk.NewLoss("forks", "leaves a process behind", forks{}),
			sdk.NewLoss("hoards", "takes all memory", hoards{}),
			sdk.NewLoss("daemons", "leaves a process in a session of its own", daemons{}),
		},
		Formatters: []sdk.FormatterSpec{sdk.NewFormatter("echo", "does what the text says", echo{})},
		Tasks:      []sdk.Task{{Name: "echo", Doc: "learns to say yes", Formatter: "echo", Head: sdk.LMHead, Loss: "builtin:sft"}},
	})
}

type fine struct{}

func (fine) Trace(g *sdk.Graph) sdk.Objective {
	fmt.Println("hello from the trace")
	fmt.Fprintln(os.Stderr, "and again")
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: g.Logps().Sum(), Coefficient: 1}}}
}

type exits struct{}

func (exits) Trace(*sdk.Graph) sdk.Objective {
	fmt.Println("I am leaving")
	os.Exit(9)
	return sdk.Objective{}
}

type crashes struct{}

func (crashes) Trace(*sdk.Graph) sdk.Objective {
	go func() { panic("voluntarily") }()
	select {}
}

type killed struct{}

func (killed) Trace(*sdk.Graph) sdk.Objective {
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Kill()
	select {}
}

type spins struct{}

func (spins) Trace(*sdk.Graph) sdk.Objective {
	for {
	}
}

// forks writes its child's number where Path says.
type forks struct {
	Path string `llmhost:"path,default=/dev/null"`
}

func (f forks) Trace(g *sdk.Graph) sdk.Objective {
	child := exec.Command("sleep", "600")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		panic(err)
	}
	if err := os.WriteFile(f.Path, fmt.Appendln(nil, child.Process.Pid), 0o600); err != nil {
		panic(err)
	}
	return fine{}.Trace(g)
}

// daemons writes the number of a process whose parent is gone.
type daemons struct {
	Path string `llmhost:"path,default=/dev/null"`
}

func (d daemons) Trace(g *sdk.Graph) sdk.Objective {
	double := exec.Command("sh", "-c", `setsid sh -c 'sleep 600 & echo $! > "$0"' "$0" &`, d.Path)
	if err := double.Run(); err != nil {
		panic(err)
	}
	return fine{}.Trace(g)
}

type hoards struct{}

func (hoards) Trace(*sdk.Graph) sdk.Objective {
	var all [][]byte
	for {
		all = append(all, make([]byte, 64<<20))
		for i := 0; i < len(all[len(all)-1]); i += 4096 {
			all[len(all)-1][i] = 1
		}
	}
}

// echo answers with the text, unless that is an order.
type echo struct{}

func (echo) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String, Required: true, Doc: "an order or any text"}}
}

func (echo) Format(r *sdk.Row, o *sdk.Out) error {
	switch order, rest, _ := strings.Cut(r.Str(0), " "); order {
	case "exit":
		fmt.Println("told to exit")
		os.Exit(3)
	case "exit-if": // where the file is there
		if _, err := os.Stat(rest); err == nil {
			os.Exit(5)
		}
	case "once": // where the file is not there yet
		if _, err := os.Stat(rest); err != nil {
			_ = os.WriteFile(rest, nil, 0o600)
			os.Exit(4)
		}
	case "sleep":
		time.Sleep(time.Minute)
	case "drop":
		return o.Drop("told to")
	case "grow":
		o.Candidate("", strings.Repeat("x", 65<<20))
		return nil
	}
	o.Candidate(r.Str(0), "yes").Set("score", 1)
	return nil
}
