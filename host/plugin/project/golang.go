package project

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"llmhost/host/tempfolder"
)

// buildGo builds a main package. If the folder is a separate module, its SDK is
// replaced by that of this binary, unpacked again if it is gone.
func buildGo(ctx context.Context, b Building) (string, error) {
	if !onPath("go") {
		return "", &NoTool{"go is not on the PATH", "install Go 1.24 or later"}
	}
	out, err := b.out()
	if err != nil {
		return "", err
	}
	args := []string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", out}
	env := []string{"CGO_ENABLED=0"}
	if b.As == string(processTransport) {
		return out, b.buildGoProgram(ctx, args, env)
	}
	if own := filepath.Join(b.Folder, "go.mod"); exists(own) {
		if err := b.renewSDK(own); err != nil {
			return "", err
		}
		env = append(env, "GOWORK=off")
	}
	_, err = b.tool(
		ctx,
		append(env, "GOOS=wasip1", "GOARCH=wasm"),
		"go",
		append(args, "-buildmode=c-shared", ".")...,
	)
	return out, err
}

// sdkLine is the line of a project's go.mod that says where its SDK is.
var sdkLine = regexp.MustCompile(`(?m)^replace ` + sdkModule + ` => (.*)$`)

// inGoMod quotes a path for go.mod if needed.
func inGoMod(path string) string {
	if strings.ContainsAny(path, " \t\"'`,()") {
		return strconv.Quote(path)
	}
	return path
}

// renewSDK points a go.mod to the SDK of this binary, unless its author chose
// one outside the cache.
func (b Building) renewSDK(goMod string) error {
	text, err := os.ReadFile(goMod)
	if err != nil {
		return err
	}
	if !sdkLine.Match(text) {
		if !bytes.Contains(text, []byte(sdkModule+" v0.0.0")) {
			return nil // it does not use this SDK
		}
		text = append(text, "\nreplace "+sdkModule+" => \n"...)
	}
	chosen := strings.TrimSpace(string(sdkLine.FindSubmatch(text)[1]))
	if path, err := strconv.Unquote(chosen); err == nil {
		chosen = path
	}
	if !b.mayReplace(chosen) {
		return nil
	}
	folder, err := unpackSDK(b.Sources.SDK, b.Cache, wasmTransport)
	if err != nil || folder == chosen {
		return err
	}
	return os.WriteFile(
		goMod,
		sdkLine.ReplaceAllLiteral(text, []byte("replace "+sdkModule+" => "+inGoMod(folder))),
		0o644,
	)
}

// mayReplace reports whether the folder of an SDK is empty, in the cache, or in
// another cache that is gone.
func (b Building) mayReplace(folder string) bool {
	return folder == "" ||
		b.inCache(folder) ||
		strings.Contains(filepath.ToSlash(folder), "/sdk/") && !exists(folder)
}

func (b Building) inCache(folder string) bool {
	return strings.HasPrefix(folder, filepath.Join(b.Cache, "sdk")+string(filepath.Separator))
}

// buildGoProgram builds a separate program. Its SDK needs gRPC, which the
// project's go.mod does not require, so it is built with another go.mod.
func (b Building) buildGoProgram(ctx context.Context, args, env []string) error {
	own := filepath.Join(b.Folder, "go.mod")
	if !exists(own) {
		_, err := b.tool(ctx, env, "go", append(args, ".")...)
		return err
	}
	text, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	folder, err := unpackSDK(b.Sources.SDK, b.Cache, processTransport)
	if err != nil {
		return err
	}
	private, err := tempfolder.Make("llmhost-build-")
	if err != nil {
		return err
	}
	defer private.Close()
	other := private.Path
	text = sdkLine.ReplaceAllLiteral(text, []byte("replace "+sdkModule+" => "+inGoMod(folder)))
	text = append(text, shared("process.mod")...)
	if err := os.WriteFile(filepath.Join(other, "go.mod"), text, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(other, "go.sum"), shared("process.sum"), 0o644); err != nil {
		return err
	}
	args = append(args, "-mod=mod", "-modfile="+filepath.Join(other, "go.mod"), ".")
	if _, err = b.tool(ctx, append(env, "GOWORK=off"), "go", args...); err != nil &&
		strings.Contains(err.Error(), "google.golang.org/grpc@") {
		return fmt.Errorf("%w\na separate program needs gRPC, which could not be downloaded; without --as process nothing needs downloading", err)
	}
	return err
}
