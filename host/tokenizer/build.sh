#!/bin/sh
# Builds tokcore.wasm from tokcore/. Needs Rust with the wasm32-wasip1 target
# (rustup target add wasm32-wasip1). About a minute on an empty cache.
#
#   build.sh        writes tokcore.wasm and built-with.txt beside this script
#   build.sh FILE   writes the module to FILE alone, to compare the two
#
# The same compiler and lock file give the same bytes on any machine: folders
# of this one are mapped away. CARGO_TARGET_DIR says where cargo keeps its work
# (default: llmhost/tokcore in the user's cache folder).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/tokcore.wasm}
case $out in /*) ;; *) out=$PWD/$out ;; esac
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/llmhost/tokcore}"
target=wasm32-wasip1

cd "$here/tokcore"
cargo fetch --locked --quiet --target $target # the folders to map must be there

sep=$(printf '\037')
flags="--remap-path-prefix=$here/tokcore=/tokcore"
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
	flags="$flags$sep--remap-path-prefix=$folder=/deps"
done
CARGO_ENCODED_RUSTFLAGS="$flags" cargo build --locked --release --target $target

cp "$CARGO_TARGET_DIR/$target/release/tokcore.wasm" "$out.part"
chmod 644 "$out.part"
mv "$out.part" "$out"

if [ $# -eq 0 ]; then
	cd "$here"
	{
		rustc --version
		grep '^tokenizers ' tokcore/Cargo.toml
		grep '^minijinja ' tokcore/Cargo.toml
		sha256sum build.sh tokcore/Cargo.toml tokcore/Cargo.lock tokcore/src/*.rs tokcore.wasm
	} >built-with.txt
fi
