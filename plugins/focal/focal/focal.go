// Package focal holds the focal loss of a classifier: examples that the model
// already gets right count for little.
package focal

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// Loss is the focal loss over classes. With p the softmax probability of an
// example's own class c and α_c that class's weight,
//
//	L = Σ_b −α_c · (1 − p_b)^Gamma · log p_b / number of examples with a label
//
// Gamma = 0 without weights is the cross entropy. Examples with a negative label
// have no class and do not count.
//
// Source: Lin et al. 2017, arXiv:1708.02002, eq. 5, for more than two classes.
type Loss struct {
	Gamma   float64 `llmhost:"focal_gamma,default=2,min=0,max=100,doc=how much less the examples count that the model gets right; 0 is the cross entropy"`
	Weights string  `llmhost:"focal_weights,values=0.25,doc=weights of the classes 0, 1, …, such as 0.25,0.75; a class that is left out has weight 1"`
	Head    string  `llmhost:"cls_head,default=label,doc=name of the classification head"`
}

// Validate refuses weights that are not a list of numbers of at least 0.
func (l Loss) Validate() error {
	_, err := l.weights()
	return err
}

func (l Loss) weights() ([]float64, error) {
	if l.Weights == "" {
		return nil, nil
	}
	var all []float64
	for _, text := range strings.Split(l.Weights, ",") {
		w, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(w >= 0 && w <= 1e9) {
			return nil, errors.New("focal_weights has " + strconv.Quote(text) + "; want comma-separated numbers of at least 0, such as 0.25,0.75")
		}
		all = append(all, w)
	}
	return all, nil
}

// surest is the least that 1 − p counts as: where p is exactly 1, a power below 1
// would have an infinite slope.
const surest = 1e-12

// Trace records the loss. Shapes: logits [B, C], label [B].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	logits := g.Logits(l.Head)
	label := g.Label(l.Head)
	labelled := label.GeScalar(0)
	own := logits.Gather(1, label.ClampMin(0).Unsqueeze(1)).Squeeze(1)
	logp := own.Sub(logits.LogSumExp(1)) // [B]
	p := logp.Exp()
	loss := logp.Neg().Mul(l.weigh(label))
	if l.Gamma > 0 {
		loss = loss.Mul(p.Neg().AddScalar(1).ClampMin(surest).Pow(l.Gamma))
	}
	count := labelled.Sum()
	return sdk.Objective{
		Terms: []sdk.Term{{
			Name:        "focal",
			Sum:         loss.Where(labelled, 0).Sum(),
			Count:       count,
			Coefficient: 1,
		}},
		Metrics: []sdk.Metric{
			{
				Name:  "accuracy",
				Sum:   logits.Argmax(1).Eq(label).And(labelled).Sum(),
				Count: count,
			},
			{
				Name:  "probability",
				Sum:   p.Where(labelled, 0).Sum(),
				Count: count,
			},
		},
	}
}

// weigh returns the weight of each example's class, f32 [B].
func (l Loss) weigh(label sdk.Tensor) sdk.Tensor {
	weights, _ := l.weights() // Validate has seen them
	w := label.OnesLike().To(sdk.F32)
	for class, weight := range weights {
		w = w.MaskedFill(label.EqScalar(float64(class)), weight)
	}
	return w
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "focal",
	Version: "1.0.0",
	Doc:     "focal loss of a classifier",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"focal",
		"cross entropy in which examples that the model gets right count for little",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "focal", Doc: "train a classifier of texts on what it gets wrong",
		Formatter: "builtin:labelled", Head: sdk.ClassHead, Pooling: "builtin:eos", Loss: "focal",
	}},
}
