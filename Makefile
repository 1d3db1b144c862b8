# make demo and make test do all set-up first; make setup does it alone.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X main.version=$(VERSION))
# What go test gets; another pattern or -v: make test TESTFLAGS='-v -run Name'
TESTFLAGS ?=

NAMES   := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))
PLUGINS := $(NAMES:%=plugins/%.wasm) $(NAMES:%=plugins/bin/%)

.PHONY: setup build plugins test test-models demo bench clean FORCE

# GOWORK=off: go.work may not exist yet, or name a folder that no longer exists.
setup:
	@GOWORK=off $(GO) run ./cmd/setup

# The library is put beside the binary, so that bin can be moved elsewhere.
build:
	@GOWORK=off $(GO) run ./cmd/setup -library bin
	$(GO) build -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/llmhost ./cmd/llmhost

plugins: $(PLUGINS)

# No path and no time gets into the file: the same source gives the same digest.
plugins/%.wasm: plugins/%/main.go FORCE
	GOOS=wasip1 GOARCH=wasm $(GO) build -buildvcs=false -trimpath -buildmode=c-shared -ldflags='-s -w' -o $@ ./$(<D)

plugins/bin/%: plugins/%/main.go FORCE
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags='-s -w' -o $@ ./$(<D)

# Waiting threads sleep: tests of several packages share the processors, and
# spinning threads of one would slow down another.
test: setup plugins
	OMP_WAIT_POLICY=passive $(GO) test -timeout 20m $(TESTFLAGS) ./...

# Downloads 180 MB of trained models, once, and checks llmhost on them: some minutes.
test-models: setup
	models=$$($(GO) run ./cmd/testmodels) && LLMHOST_MODELS=$$models OMP_WAIT_POLICY=passive \
		$(GO) test -count=1 -timeout 30m $(TESTFLAGS) -run 'TestRealModel' ./host/conformance ./host

demo: build plugins
	@./examples/quickstart/run.sh

bench: build plugins
	$(GO) run ./cmd/bench

clean:
	rm -rf bin plugins/*.wasm plugins/bin go.work go.work.sum host/tensor/internal/shim/zz_*
