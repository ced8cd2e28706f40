# `make run` and `make test` do everything on a fresh Debian machine; the rest are parts of them.
.POSIX:
.PHONY: env tools run image lint test zoo bench honesty clean

BIN = .venv/bin

env:
	scripts/env.sh

# What only tests need.
tools: env
	scripts/env.sh test

image: env
	$(BIN)/vbench image build

run: image
	$(BIN)/vbench run --target all --profile quick

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: tools lint image
	$(BIN)/pytest -m 'not bench and not zoo' --numprocesses 2 --dist loadgroup --benchmark-disable

zoo: env
	$(BIN)/pytest -m zoo tests/probes tests/targets tests/integration

bench: image
	VBENCH_PERFORMANCE=docs/performance.md $(BIN)/pytest -s -m bench tests/bench

honesty: env
	$(BIN)/python scripts/honesty.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
