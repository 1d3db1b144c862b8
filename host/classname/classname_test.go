package classname_test

import (
	"testing"

	"llmhost/host/classname"

	"github.com/stretchr/testify/require"
)

func TestOf(t *testing.T) {
	for want, spellings := range map[string][]string{
		"0":                    {"0", "0.0", "-0", "-0.0", "0e1", "0E-3", "0.000"},
		"1":                    {"1", "1.0", "1e0", "10e-1", "0.1e1"},
		"-2":                   {"-2", "-2.0", "-2E0"},
		"1.5":                  {"1.5", "1.50", "15e-1"},
		"1000":                 {"1000", "1e3", "1000.0"},
		"12345678901234567890": {"12345678901234567890"},
		"1e+300":               {"1e300", "1.0e300"},
		"1e400":                {"1e400"},
		"":                     {""},
		"007":                  {"007"},
		"v1.0":                 {"v1.0"},
		"+1":                   {"+1"},
		" 1.0":                 {" 1.0"},
		"1.0 ":                 {"1.0 "},
		"1.":                   {"1."},
		"0x10":                 {"0x10"},
		"true":                 {"true"},
		"NaN":                  {"NaN"},
		"null":                 {"null"},
		"[1]":                  {"[1]"},
	} {
		for _, spelling := range spellings {
			require.Equal(t, want, classname.Of(spelling), "of %q", spelling)
		}
	}
}
