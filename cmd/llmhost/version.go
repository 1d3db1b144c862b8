package main

import (
	"context"
	"fmt"
	"runtime"

	"llmhost/host/tensor"
)

func runVersion(context.Context, []string) error {
	fmt.Printf("llmhost %s, %s, libtorch %s\n", version, runtime.Version(), tensor.Version())
	return nil
}
