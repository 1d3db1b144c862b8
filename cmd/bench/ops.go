package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"llmhost/host/tensor"
)

// opNames are the operations that both sides time, on 4 numbers (16 for
// matmul), so that next to nothing of it is arithmetic.
var opNames = []string{"add", "matmul", "logsumexp"}

// opWays are the ways to call an operation: host/tensor with its scope, error
// check and free; a loop of libtorch's own in C++ (TorchScript's interpreter);
// Python.
var opWays = []string{llmhostName, "script", "python"}

const (
	opCalls  = 20000 // of one operation in a round
	opScope  = 100   // calls between two ends of a scope, about as many as a loss has
	opRounds = 7
)

// opCosts is µs a call, by way and operation.
type opCosts map[string]map[string]spread

// opSeconds is a worker's answer to a round: seconds by way and operation.
type opSeconds map[string]map[string]float64

// opsWorker is llmhost's side; args is the number of calls.
func opsWorker(args []string, in io.Reader, out io.Writer) error {
	calls, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	tensor.SetThreads(1)
	answers := json.NewEncoder(out)
	if err := answers.Encode(greeting{Versions: "libtorch " + tensor.Version()}); err != nil {
		return err
	}
	return serve(in, answers, func(int) (any, error) {
		return opSeconds{llmhostName: {
			"add": timeCalls(calls, tensor.Full(tensor.CPU, tensor.Float32, 1, 4), tensor.Tensor.Add),
			"matmul": timeCalls(
				calls,
				tensor.Full(tensor.CPU, tensor.Float32, 0.25, 4, 4),
				tensor.Tensor.Matmul,
			),
			"logsumexp": timeCalls(calls, tensor.Full(tensor.CPU, tensor.Float32, 1, 4, 1), logsumexp),
		}}, nil
	})
}

func logsumexp(y, _ tensor.Tensor) tensor.Tensor { return y.Logsumexp(-1, true) }

// timeCalls returns the seconds of calls of f, each on the result of the one
// before and x.
func timeCalls(calls int, x tensor.Tensor, f func(y, x tensor.Tensor) tensor.Tensor) float64 {
	defer x.Free()
	began := time.Now()
	tensor.NoGrad(func() {
		for done := 0; done < calls; done += opScope {
			tensor.Scoped(func() {
				y := x
				for range opScope {
					y = f(y, x)
				}
			})
		}
	})
	return time.Since(began).Seconds()
}

// runOps times small operations on all sides, in turns. The first round is to warm up.
func (b *bench) runOps(ctx context.Context) (opCosts, error) {
	calls := strconv.Itoa(opCalls)
	commands := [][]string{{b.self, opsVerb, calls}}
	if b.Peer != "" {
		commands = append(commands, []string{b.Peer, filepath.Join(b.work, "ops.py"), calls})
	}
	var sides []*process
	defer func() {
		for _, p := range sides {
			p.close()
		}
	}()
	for _, command := range commands {
		p, err := startProcess(ctx, filepath.Base(command[1]), 1, command, &greeting{})
		if err != nil {
			return nil, err
		}
		sides = append(sides, p)
	}
	micros := map[string]map[string][]float64{}
	for round := range 1 + opRounds {
		for _, p := range sides {
			var s opSeconds
			if err := p.ask(fmt.Sprintf("step %d", round), &s); err != nil {
				return nil, err
			}
			if round > 0 {
				s.addTo(micros)
			}
		}
	}
	return summarise(micros), nil
}

// addTo notes µs a call.
func (s opSeconds) addTo(micros map[string]map[string][]float64) {
	for way, seconds := range s {
		if micros[way] == nil {
			micros[way] = map[string][]float64{}
		}
		for op, t := range seconds {
			micros[way][op] = append(micros[way][op], t*1e6/opCalls)
		}
	}
}

func summarise(micros map[string]map[string][]float64) opCosts {
	costs := opCosts{}
	for _, way := range slices.Sorted(maps.Keys(micros)) {
		costs[way] = map[string]spread{}
		for op, values := range micros[way] {
			costs[way][op] = spreadOf(values)
		}
	}
	return costs
}
