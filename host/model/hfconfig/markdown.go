package hfconfig

import (
	"fmt"
	"strings"
)

var uses = map[use]string{shapes: "read", only: "refused otherwise", kept: "kept", saved: "written"}

// Markdown renders the fields of a table for people.
func Markdown(fields []Field) string {
	var b strings.Builder
	b.WriteString("| key | default | takes | what llmhost does |\n| --- | --- | --- | --- |\n")
	for _, f := range fields {
		name := "`" + f.Name + "`"
		if f.Old {
			name += " ¹"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, code(f.Default), f.takes(), f.does())
	}
	return b.String()
}

func (f Field) takes() string {
	switch {
	case f.use == only:
		return code(f.accepted())
	case f.Types == Any:
		return "anything"
	}
	return f.Types.String()
}

func (f Field) does() string {
	if f.Doc == "" {
		return uses[f.use]
	}
	return uses[f.use] + ": " + f.Doc
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
