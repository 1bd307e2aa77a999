# callprobe: what a newcomer and the CI run. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON := .venv/bin/python
SYNCED := .venv/.synced
PROJECTS := pyproject.toml probe/pyproject.toml results/pyproject.toml analysis/pyproject.toml
SOURCES := probe results analysis tests
WORKERS ?= 2

.PHONY: help setup system-deps demo test lint format types imports bench captures captures-check fuzz schema clean

help: ## list the targets
	@awk -F ' *## ' '/^[a-z-]+:.*## /{split($$1, name, ":"); printf "  %-12s %s\n", name[1], $$2}' $(MAKEFILE_LIST)

setup: $(SYNCED) ## install everything into .venv (quick the second time)

$(SYNCED): uv.lock $(PROJECTS) .ci/uv
	@.ci/uv sync --frozen
	@touch $@

system-deps: ## install the Debian packages of the real peers (root or sudo; says what is missing otherwise)
	@.ci/system-deps

demo: setup ## from a call to a claim on this machine: no root, no internet, about 3 minutes
	@$(PYTHON) -m callprobe.cli.demo

test: setup lint ## lint, types, import contracts, then every test
	@$(PYTHON) -m pytest -n $(WORKERS)

lint: setup ## the lock file, ruff (rules and format), mypy, import-linter
	@.ci/uv lock --check --offline --quiet
	@.venv/bin/ruff check --quiet $(SOURCES)
	@.venv/bin/ruff format --check --quiet $(SOURCES)
	@$(MAKE) --no-print-directory types imports

format: setup ## rewrite the sources in the house format
	@.venv/bin/ruff check --fix $(SOURCES)
	@.venv/bin/ruff format $(SOURCES)

types: setup ## mypy, strict, over the three packages
	@.venv/bin/mypy --no-error-summary

imports: setup ## the import direction of docs/architecture.md
	@mkdir -p build
	@.venv/bin/lint-imports --no-cache > build/imports.log 2>&1 || { cat build/imports.log; exit 1; }

bench: setup ## a table of what the hot paths cost; JSON in build/reports/bench.json
	@$(PYTHON) tests/bench/run.py

captures: setup ## write the project's own captures again, with their truth and expected analysis
	@$(PYTHON) tests/captures/make.py

captures-check: setup ## how the analysis of real captures agrees with their truth (needs ../shared)
	@$(PYTHON) tests/captures/check.py

fuzz: setup ## fuzz every parser of hostile bytes for long (make test does so for seconds)
	@$(PYTHON) tests/fuzz/run.py

schema: setup ## write the JSON Schema and its explanation again from the record
	@$(PYTHON) -m callresults.schema > results/measurement.schema.json
	@$(PYTHON) -m callresults.schema --text > results/spec/measurement.md

clean: ## remove what was built; keeps nothing but the sources
	@rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
