// Command preference is the builtin formatter, as a module or as a program.
package main

import (
	"llmhost/builtin/preference"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(preference.Plugin)

func main() { served.Main() }
