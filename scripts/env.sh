#!/bin/sh
# Makes .venv from the lock files, or leaves it alone when it is up to date.
#   sh scripts/env.sh run    what `tidu` needs            (requirements.lock)
#   sh scripts/env.sh dev    what the tests need as well  (requirements-dev.lock)
#   sh scripts/env.sh peers  PyTorch and JAX beside that  (requirements-peers.txt), in .venv.peers
# PYTHON names the Python to use; without it the first fit one of the usual names is taken.
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
    run) lock=requirements.lock venv=.venv more= ;;
    dev) lock=requirements-dev.lock venv=.venv more= ;;
    peers) lock=requirements-dev.lock venv=.venv.peers more=requirements-peers.txt ;;
    *) echo "usage: sh scripts/env.sh run|dev|peers" >&2; exit 2 ;;
esac

# ---- is it there already?
# The key holds what the environment was made from, the folder included (a venv cannot be moved), but
# not the settings of the tools, which follow the project's own part of pyproject.toml.
key() { { pwd; sed '/^\[tool\.ruff/,$d' pyproject.toml; cat "$@"; } | cksum; }
fresh() { # fresh KIND FILES...
    kind=$1
    shift
    [ -f "$venv/tidu-$kind.key" ] && [ "$(cat "$venv/tidu-$kind.key")" = "$(key "$@")" ] &&
        "$venv/bin/python" -c '' 2>/dev/null
}
if fresh "$1" $lock $more; then exit 0; fi
# The development environment holds all that a plain one does.
if [ "$1" = run ] && fresh dev requirements-dev.lock; then exit 0; fi

# ---- find a Python
# A name on the PATH proves nothing (pyenv leaves shims of versions that are not active, Debian ships
# Python without venv), so each one is run. 3.11 to 3.14 first: the lock has wheels for these.
fit() { # fit COMMAND BELOW
    "$1" -c "import ensurepip, ssl, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] < (3, $2))" >/dev/null 2>&1
}
find_python() {
    for below in 15 99; do
        for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
            if fit "$name" "$below"; then echo "$name"; return; fi
        done
    done
}
if [ -n "${PYTHON:-}" ]; then
    if ! fit "$PYTHON" 99; then
        echo "tidu: PYTHON=$PYTHON is not a working Python 3.11 or newer with pip and venv." >&2
        exit 1
    fi
    python=$PYTHON
else
    python=$(find_python)
    if [ -z "$python" ]; then
        {
            echo "tidu needs Python 3.11 or newer (the lock files are made for 3.11 to 3.14), with its modules venv and ssl."
            echo "None of python3, python3.14, python3.13, python3.12, python3.11, python is one that runs:"
            for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
                if command -v "$name" >/dev/null 2>&1; then
                    if said=$("$name" --version 2>&1); then
                        said="$(echo "$said" | head -n 1)"
                        "$name" -c 'import ensurepip, venv' >/dev/null 2>&1 || said="$said, without venv"
                    else
                        said="does not run: $(echo "$said" | head -n 1)"
                    fi
                    echo "  $name: $said"
                else
                    echo "  $name: not found"
                fi
            done
            echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it:"
            echo "  make test PYTHON=/path/to/python3.12"
        } >&2
        exit 1
    fi
fi

# ---- make it
echo "tidu: making $venv with $("$python" --version 2>&1) from $lock $more (a minute or so)" >&2
rm -f "$venv"/tidu-*.key
"$python" -m venv --clear "$venv"
# Binary wheels only: a machine without a compiler gets the same environment or a plain refusal.
add() { "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@"; }
add --require-hashes --only-binary :all: --requirement "$lock"
# hatchling is in the lock, so nothing unpinned is fetched to build the project itself.
add --no-build-isolation --no-deps --editable .
if [ -n "$more" ] && ! add --only-binary :all: --requirement "$more"; then
    echo "tidu: what $more names could not be installed here (pip's reason is above)." >&2
    exit 1
fi
key $lock $more > "$venv/tidu-$1.key"
