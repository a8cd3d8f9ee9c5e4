# `make run` and `make test` are all that a newcomer needs: Python 3.11 or newer with pip, and make.
# Another Python than the one found:  make test PYTHON=/path/to/python3.12

BIN := .venv/bin
ARGS ?=

# A process for each core, each with a half of the tests, until one has none left and takes some of
# the other's; ARGS=-n0 runs all in one process.
PARALLEL := -n auto --dist worksteal

.PHONY: help run test peers paper package lint format bench nightly conformance clean lock env env-dev

help:
	@echo 'make run      set up, then solve the seed study with bias and print its whole working'
	@echo 'make test     set up, then lint, types, import layers and all tests but the slow ones'
	@echo 'make peers    set up PyTorch and JAX (hundreds of MB), then run the tests that need them'
	@echo 'make paper    compile all documents with TeX and pandoc, where these are installed'
	@echo 'make package  build the packages, install the wheel in empty environments and use it there'
	@echo 'make lint     ruff, basedpyright, import layers'
	@echo 'make format   let ruff rewrite what it can'
	@echo 'make bench    measure (benchmarks/)'
	@echo 'make nightly  all tests, the slow ones too, with many more random examples'
	@echo 'make conformance  the test suite of HIPS/autograd, run against tidu'
	@echo 'make lock     pin what pyproject.toml asks for (ARGS=--upgrade: in the newest versions)'
	@echo 'make clean    remove the environment and caches'

# Both do nothing when the environment is there and made from the present lock files.
env:
	@PYTHON='$(PYTHON)' sh scripts/env.sh run

env-dev:
	@PYTHON='$(PYTHON)' sh scripts/env.sh dev

run: env
	@$(BIN)/tidu solve studies/bias.toml

test: lint
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# `make test` skips these tests where PyTorch and JAX are absent; here one that is skipped fails.
peers:
	@PYTHON='$(PYTHON)' sh scripts/env.sh peers
	.venv.peers/bin/python -m pytest $(PARALLEL) --peers -m 'peer and not slow' $(ARGS)

# scripts/paper.sh installs them on Debian; the tests are skipped where they are absent.
paper: env-dev
	$(BIN)/python -m pytest $(PARALLEL) -m paper $(ARGS) tests/render/test_paper.py

# The machine code for systems that are not at hand is generated here too.
package: env-dev
	$(BIN)/python -m pytest $(PARALLEL) -m 'slow or not slow' $(ARGS) \
	    tests/distribution tests/backends/native/test_other_machines.py

lint: env-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --warnings
	$(BIN)/lint-imports

format: env-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: env-dev
	$(BIN)/python -m benchmarks $(ARGS)

nightly: env-dev
	$(BIN)/python -m pytest $(PARALLEL) -m 'slow or not slow' --hypothesis-profile=nightly $(ARGS)

# Fetches the suite from PyPI; ARGS='test_scipy.py' runs one of its files.
conformance: env-dev
	$(BIN)/python -m conformance hips $(ARGS)

lock: env-dev
	sh scripts/lock.sh $(BIN)/python $(ARGS)

clean:
	rm -rf .venv .venv.peers .venv.lock build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests studies benchmarks docs scripts -name __pycache__ -type d -prune \
	    -exec rm -rf {} + 2>/dev/null || true
