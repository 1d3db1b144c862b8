package gemma

import (
	"encoding/json"
	"fmt"
	"maps"

	"llmhost/host/nn"
)

// settleRopes fills in the scalings of layers that see all and of those with a
// window: Gemma 2 has one for both, Gemma 3 one for each.
func (c *Config) settleRopes() (err error) {
	if c.ModelType == second {
		c.Rope, err = c.one()
		c.WindowRope = c.Rope
		return err
	}
	layers, err := keysOf(c.RopeParameters)
	if err != nil {
		return err
	}
	for key := range layers {
		if key != full && key != sliding {
			return fmt.Errorf("rope_parameters has %s; want %s and %s, as they rotate differently", key, full, sliding)
		}
	}
	if c.Rope, err = c.of(c.RopeTheta, layers[full], c.RopeScaling); err != nil {
		return err
	}
	c.WindowRope, err = c.of(c.RopeThetaOfWindows, layers[sliding])
	return err
}

// one is the scaling of all layers.
func (c *Config) one() (s nn.RopeScaling, err error) {
	var parameters, scaling *nn.RopeScaling
	if err := unmarshal(c.RopeParameters, &parameters); err != nil {
		return s, err
	}
	if err := unmarshal(c.RopeScaling, &scaling); err != nil {
		return s, err
	}
	return nn.RopeOf(parameters, scaling, c.ropeDefaults(c.RopeTheta)), nil
}

// of is the scaling of one kind of layer: the keys of the texts, of which a later
// one wins.
func (c *Config) of(theta float64, texts ...json.RawMessage) (s nn.RopeScaling, err error) {
	all := map[string]json.RawMessage{}
	for _, text := range texts {
		keys, err := keysOf(text)
		if err != nil {
			return s, err
		}
		maps.Copy(all, keys)
	}
	joined, err := json.Marshal(all)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(joined, &s); err != nil {
		return s, err
	}
	s.Truncate = nil // transformers looks for it beside the kinds of layers
	s.Settle(c.ropeDefaults(theta))
	return s, nil
}

func (c *Config) ropeDefaults(theta float64) nn.RopeDefaults {
	return nn.RopeDefaults{Theta: theta, Partial: 1, MaxPositions: c.MaxPositions, OriginalMaxSeen: c.OriginalMax}
}

// keysOf are the keys of an object, none of null or of nothing.
func keysOf(text json.RawMessage) (keys map[string]json.RawMessage, err error) {
	err = unmarshal(text, &keys)
	return keys, err
}

func unmarshal(text json.RawMessage, into any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}
