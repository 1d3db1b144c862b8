package plugin_test

import (
	"context"
	"fmt"

	"llmhost/builtin"
	"llmhost/host/plugin"
)

// A catalog finds plugins by name or by file, and traces them with settled
// parameters: what comes back is a checked program, whatever the transport.
func ExampleCatalog() {
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	if err != nil {
		panic(err)
	}
	defer catalog.Close(ctx)
	loss, err := catalog.Component(ctx, plugin.Loss, "sft")
	if err != nil {
		panic(err)
	}
	values, err := loss.Settle(map[string]plugin.Given{"sft_reduction": {Value: "token_mean", Text: true, Where: "--params sft_reduction"}})
	if err != nil {
		panic(err)
	}
	trace, err := loss.Trace(ctx, values)
	if err != nil {
		panic(err)
	}
	fmt.Println(loss, "reads", trace.InputNames())
	fmt.Println(trace.Terms[0].Name, trace.Metrics[0].Name)
	// Output:
	// loss sft of plugin sft reads [policy.logps label_mask]
	// sft perplexity
}
