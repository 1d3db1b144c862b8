package source_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// A key that one record lacks is no null in it, though the table has a place for it:
// as null it would stand in what a chat template prints.
func TestFieldsThatAreNullInStructsAreLeftOut(t *testing.T) {
	for _, name := range []string{"types.arrow", "types_v1.parquet", "types_v2.parquet"} {
		files := source.Files{Paths: []string{filepath.Join("testdata/golden", name)}, Setting: "data_paths"}
		var found []string
		for record, err := range files.Records() {
			require.NoError(t, err)
			row, err := record.Row("test", []sdk.Column{{Name: "struct", Type: sdk.JSON}})
			require.NoError(t, err)
			found = append(found, row.JSON(0))
		}
		require.Equal(t, []string{`{"z": 1, "a": "x"}`, "", "{}"}, found, name)
	}
}
