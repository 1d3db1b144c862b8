package objective_test

import (
	"testing"

	"llmhost/host/data"
	"llmhost/host/objective"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func TestCheckNamesAColumnThatIsMissing(t *testing.T) {
	o := objective.New(loss(t, "rrhf", nil), tensor.CPU, tensor.Float32)
	require.NoError(t, o.Check(data.Survey{}))
	examples := uneven(1, true)
	require.NoError(t, o.Check(data.TakeSurvey(examples, false, data.Limits{})))
	examples[0].Columns = nil
	require.EqualError(t, o.Check(data.TakeSurvey(examples, false, data.Limits{})), `the loss reads column "score", which the formatter does not give (of these it gives none)`)
	examples[0].Columns = map[string][]float64{"scores": {1, 0}, "age": {1, 2}}
	require.EqualError(t, o.Check(data.TakeSurvey(examples, false, data.Limits{})), `the loss reads column "score", which the formatter does not give (of these it gives age, scores); did you mean scores?`)

	o = objective.New(loss(t, "sft", map[string]any{"sft_reduction": "seq_mean"}), tensor.CPU, tensor.Float32)
	examples[0].ExampleColumns = nil
	require.EqualError(t, o.Check(data.TakeSurvey(examples, false, data.Limits{})), `the loss reads example column "weight", which the formatter does not give (of these it gives none)`)
}
