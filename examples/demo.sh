#!/bin/sh
# The main job on the bundled repositories: scan, apply, verify. All of it happens in copies.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
reports=${1:-$here/../build/demo}
mkdir -p "$reports"
reports=$(cd "$reports" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MLFIX_CACHE_DIR="$work/cache" MLFIX_STATE_DIR="$work/state"

say() {
    printf '\n==== %s\n\n' "$1"
}

# verify NAME REPORT [OPTION]... -- COMMAND...
verify() {
    name=$1 report=$reports/$2.html
    shift 2
    say "$name: mlfix verify $*"
    # These quantities are exact where two equal runs are equal bit for bit: one seed shows what the usual three show.
    mlfix verify --jobs 2 --seeds 1 --report "$report" "$@" || [ $? -eq 1 ] # 1: a fix is not verified, and the text says why
    written="${written:-}  $report
"
}

# What one seed of these commands proves; the other fixes need other options of the program, more seeds or more steps.
proven=$(printf ' --rule %s' amp-import dependency-pins fixed-seed-augmentation nan-argmin unused-backbone batchnorm-head \
    untrained-head missing-diagonal-mask double-deg2rad scheduler-accumulation val-autocast)

for name in simclr3d glyph_raster music_doa text_detector cryoem_pu; do
    cp -R "$here/$name" "$work/$name"
    cd "$work/$name"
    say "$name: mlfix scan"
    mlfix scan . --exit-zero
done

cd "$work/simclr3d"
# shellcheck disable=SC2086
verify simclr3d simclr3d $proven -- python train.py --epochs 2
# The loss that is written as a loop is not the default one: a command that uses it proves its fix.
verify simclr3d simclr3d-loop --rule missing-diagonal-mask -- python train.py --epochs 2 --loss loop
cd "$work/glyph_raster"
# shellcheck disable=SC2086
verify glyph_raster glyph_raster $proven --steps 12 -- python train.py --epochs 2
cd "$work/music_doa"
# shellcheck disable=SC2086
verify music_doa music_doa $proven -- python train.py --epochs 2

# apply NAME [OPTION]...
apply() {
    name=$1
    shift
    cd "$work/$name"
    say "$name: mlfix apply $*"
    mlfix apply . --exit-zero "$@"
    say "$name: what changed"
    diff -ru -x __pycache__ "$here/$name" "$work/$name" || true
    say "$name: mlfix scan again"
    mlfix scan . --exit-zero --format concise
}

for name in simclr3d glyph_raster music_doa; do
    # shellcheck disable=SC2086
    apply $name $proven
done
apply text_detector --unsafe
apply cryoem_pu --unsafe

say "the reports, to be opened in a browser"
printf '%s' "$written"
