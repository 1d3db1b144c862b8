// Package examples holds the helpers for languages other than Go, next to the
// examples that use them.
package examples

import "embed"

// Helpers are the files that a project in such a language gets a copy of.
//
//go:embed rust/llmhost-plugin/Cargo.toml rust/llmhost-plugin/src/*.rs
//go:embed c/llmhost_plugin/*.h
//go:embed assemblyscript/assembly/llmhost/*.ts assemblyscript/asconfig.json assemblyscript/host.mjs
//go:embed python/llmhost_plugin/*.py
var Helpers embed.FS
