package main

import (
	"context"
	"fmt"
	"runtime"

	"llmhost/host/tensor"
)

func runVersion(context.Context, []string) error {
	if err := tensor.Load(); err != nil {
		fmt.Printf("llmhost %s, %s\n", version, runtime.Version())
		return err
	}
	fmt.Printf("llmhost %s, %s, libtorch %s\n", version, runtime.Version(), tensor.Version())
	return nil
}
