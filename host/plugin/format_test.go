package plugin_test

import (
	"context"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// format runs one batch through a formatter.
func format(f plugin.Formatting, rows []sdk.Row) ([]sdk.Result, error) {
	return f.Format(context.Background(), rows)
}
