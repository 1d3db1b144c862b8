//go:build !wasip1

package sdk

import "embed"

// Source is this package and those below it, as files: what a project outside this
// repository builds against. It includes tests, because a pattern cannot exclude
// them. No plugin refers to it, so it is linked into none.
//
//go:embed *.md *.go op/*.go process/*.go program/*.go sdktest/*.go serve/*.go wasm/*.go
var Source embed.FS
