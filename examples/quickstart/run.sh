#!/usr/bin/env bash
# The main job in miniature: a model with random weights learns to write, then to
# rank. README.md in this folder explains what it learns.
set -euo pipefail
cd "$(dirname "$0")/../.."
llmhost=bin/llmhost
run=runs/quickstart

step() { printf '\n== %s\n' "$*"; }

rm -rf "$run"
step "1 of 3: a small Llama with random weights"
$llmhost init --output_dir "$run/start" --hidden_size 128 --num_hidden_layers 2
step "2 of 3: supervised fine-tuning, so that it can write"
$llmhost train --config examples/quickstart/sft.toml
step "3 of 3: RRHF, so that it prefers what people prefer: llmhost train --task plugins/rrhf.wasm"
$llmhost train --config examples/quickstart/rrhf.toml --task plugins/rrhf.wasm
