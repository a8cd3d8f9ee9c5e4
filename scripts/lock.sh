#!/bin/sh
# Pins the dependencies of pyproject.toml anew, with hashes, for Python 3.11 to 3.14 on any system.
#   sh scripts/lock.sh [PYTHON] [further options for uv, such as --upgrade-package numpy]
# uv is installed into a throwaway environment; the project itself never needs it.
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
[ $# -eq 0 ] || shift

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$python" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
# What builds the project is pinned beside what it runs on.
printf 'hatchling\neditables\n' > "$tools/build.in"

compile() { # compile OUT [options]
    out=$1
    shift
    "$tools/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 \
        --fork-strategy fewest --generate-hashes --no-annotate --no-emit-index-url \
        --no-emit-find-links --custom-compile-command 'make lock' \
        --output-file "$out" "$@" pyproject.toml "$tools/build.in"
}
compile requirements.lock "$@"
compile requirements-dev.lock --extra dev --constraint requirements.lock "$@"
