//go:build !wasip1

package sdk

import "embed"

// Source is this package with those below it, as files: what a project outside
// of this repository builds against. Tests are among them, because a pattern
// cannot leave them out. A plugin does not refer to it, so it is linked into none.
//
//go:embed *.md *.go op/*.go process/*.go program/*.go sdktest/*.go serve/*.go wasm/*.go
var Source embed.FS
