#!/bin/sh
# The main job on the bundled repositories: scan, apply to copies, and scan again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MLFIX_CACHE_DIR="$work/cache" MLFIX_STATE_DIR="$work/state"

for name in simclr3d glyph_raster music_doa; do
    cp -R "$here/$name" "$work/$name"
    cd "$work/$name"
    printf '\n==== %s: mlfix scan\n\n' "$name"
    mlfix scan . --exit-zero
    printf '\n==== %s: mlfix apply --unsafe (on a copy)\n\n' "$name"
    mlfix apply . --unsafe --exit-zero 2>&1
    printf '\n==== %s: what changed\n\n' "$name"
    diff -ru "$here/$name" "$work/$name" || true
    printf '\n==== %s: mlfix scan again\n\n' "$name"
    mlfix scan . --exit-zero --format concise
done
