package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"

	"llmhost/sdk"
	"llmhost/sdk/program"
)

// Traced is a program that can be run, with the places of its nodes in the
// author's files.
type Traced struct {
	*program.Program
	Places []string // one a node, such as "margin.go:12", or empty

	// Optional are inputs that are zeros where a batch has none.
	Optional []string
}

// Place is where value v comes from: "margin.go:12: sum", or the name of an input.
func (p *Traced) Place(v int) string {
	if v < len(p.Inputs) {
		return "input " + p.Inputs[v].Name
	}
	node := v - len(p.Inputs)
	if node < len(p.Places) && p.Places[node] != "" {
		return p.Places[node] + ": " + p.Nodes[node].Op
	}
	return fmt.Sprintf("node %d: %s", node, p.Nodes[node].Op)
}

// Trace traces a loss as it is: its fields are the parameters, and tags give no
// defaults. To get the loss as a host would configure it, use New of its
// LossSpec. The error lists every mistake of the trace with the author's line.
func Trace(loss sdk.Loss) (*Traced, error) {
	return traced(sdk.Plugin{Name: "test", Losses: []sdk.LossSpec{sdk.NewLoss("loss", "", lossAsItIs{loss})}})
}

// TracePooling is Trace for a pooling.
func TracePooling(pooling sdk.Pooling) (*Traced, error) {
	return traced(sdk.Plugin{Name: "test", Poolings: []sdk.PoolingSpec{sdk.NewPooling("pooling", "", poolingAsItIs{pooling})}})
}

// lossAsItIs hides the tags of a loss, so that configuring it changes nothing.
type lossAsItIs struct{ loss sdk.Loss }

func (l lossAsItIs) Trace(g *sdk.Graph) sdk.Objective { return l.loss.Trace(g) }
func (l lossAsItIs) Validate() error                  { return validate(l.loss) }

type poolingAsItIs struct{ pooling sdk.Pooling }

func (p poolingAsItIs) Trace(g *sdk.Graph) sdk.Tensor { return p.pooling.Trace(g) }
func (p poolingAsItIs) Validate() error               { return validate(p.pooling) }

func validate(part any) error {
	if checker, ok := part.(interface{ Validate() error }); ok {
		return checker.Validate()
	}
	return nil
}

// traced asks the same server that a host would.
func traced(p sdk.Plugin) (*Traced, error) {
	server := sdk.NewServer(p)
	if _, err := payload(server.Configure(0, []byte("{}"))); err != nil {
		return nil, err
	}
	data, err := payload(server.Trace(1, []byte("{}")))
	if err != nil {
		return nil, err
	}
	var reply struct {
		Program   json.RawMessage
		Locations []string
		Columns   []struct {
			Input    string
			Optional bool
		}
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	out, err := parsed(reply.Program, reply.Locations)
	for _, use := range reply.Columns {
		if err == nil && use.Optional {
			out.Optional = append(out.Optional, use.Input)
		}
	}
	return out, err
}

// parsed reads a traced program. Its error lists every fault with its place.
func parsed(text []byte, places []string) (*Traced, error) {
	p, err := program.Parse(text)
	var faulty *program.Error
	if errors.As(err, &faulty) {
		return nil, errors.New(faulty.Text(places))
	}
	if err != nil {
		return nil, err
	}
	return &Traced{Program: p, Places: places}, nil
}

// payload strips the status from a reply.
func payload(reply []byte) ([]byte, error) {
	if reply[0] == sdk.StatusOK {
		return reply[1:], nil
	}
	var said struct{ Message string }
	if err := json.Unmarshal(reply[1:], &said); err != nil {
		return nil, err
	}
	return nil, errors.New(said.Message)
}
