# Tasks for a checkout. `make help` lists them.
#
#   PYTHON=python3.13 make test     creates .venv with this interpreter (default: the first from 3.11 on)
#   ARGS="-k stream -x" make test   passes arguments to pytest; -n0 runs the tests one by one

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := headwater headwater_steps headwater_subscribers headwater_server headwater_client
VERSIONS := 3.11 3.12 3.13 3.14
EXTRAS := cli,yaml,speed
DEMO_EXTRAS := cli,yaml,http,schema
SERVE_EXTRAS := $(DEMO_EXTRAS),server
ALL_EXTRAS := $(EXTRAS),opentelemetry,prometheus,testing,zstd,schema,tokens,http,arrays,server,client,fastapi
PARALLEL := -n logical --dist worksteal
CASES ?= 1000000
GRAPHS ?= 100000
AXE := 4.14.1
ARGS ?=

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 $(addprefix python,$(VERSIONS)); do \
	"$$name" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$name" && break; done || true)

# -qq hides pip's messages, but not its errors.
PIP := -m pip --disable-pip-version-check -qq install

# $(call make-venv,DIRECTORY,INTERPRETER): a working virtual environment with a pip that supports `--group`.
# A broken one (no ensurepip, missing interpreter) is created again.
define make-venv
	@if ! $(1)/bin/python -m pip --version >/dev/null 2>&1; then \
		if [ -z "$(2)" ] || ! "$(2)" -c '$(NEW_ENOUGH)' 2>/dev/null; then \
			echo "headwater needs Python 3.11 or later; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
			exit 1; \
		fi; \
		echo "creating $(1) with $$("$(2)" --version)"; \
		"$(2)" -m venv --clear $(1) || { rm -rf $(1); exit 1; }; \
	fi
	@$(1)/bin/python $(PIP) --upgrade 'pip>=25.1'
endef

.PHONY: help demo serve test test-all test-lowest lint format wheel-test coverage docs pictures bench load browser \
	foreign-clients fuzz fuzz-api random-dags venv clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo ## Install and run a pipeline on a real file, with a live view
	$(BIN)/headwater run configs/word-report.json --set path=README.md
	@echo "next: make serve shows it in the browser"

serve: $(VENV)/.installed-serve ## Serve the pipelines of configs/, with a monitor at http://127.0.0.1:8000 (ARGS=...)
	$(BIN)/headwater serve configs --files . --steps configs/own_steps.py --reload $(ARGS)

test: $(VENV)/.installed-dev ## Install and run all tests (ARGS=... goes to pytest)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-all: ## Run the tests on every installed Python from 3.11 on
	@tested=; failed=; \
	for version in $(VERSIONS); do \
		for python in "python$$version" "$$HOME"/.pyenv/versions/$$version*/bin/"python$$version"; do \
			if "$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then \
				echo "== Python $$version"; \
				if $(MAKE) --no-print-directory PYTHON="$$python" test-on-$$version; \
				then tested="$$tested $$version"; else failed="$$failed $$version"; fi; \
				break; \
			fi; \
		done; \
	done; \
	echo "== passed:$${tested:- none}; failed:$${failed:- none}"; \
	[ -n "$$tested" ] && [ -z "$$failed" ]

test-on-%: .venv-%/.installed-test
	.venv-$*/bin/python -m pytest $(PARALLEL) $(ARGS)

# Of the packages that are declared; click, which typer brings, is newer than the lowest typer and warns.
test-lowest: .venv-lowest/.installed-test ## Run the tests with the lowest versions of the dependencies
	.venv-lowest/bin/python -m pytest $(PARALLEL) -W "ignore:'click:DeprecationWarning" $(ARGS)

lint: $(VENV)/.installed-dev ## Run the linters and the type checkers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	@for package in $(PACKAGES); do \
		echo "pyright --verifytypes $$package"; \
		PATH="$$PWD/$(BIN):$$PATH" pyright --verifytypes $$package --ignoreexternal >$(VENV)/verifytypes.log 2>&1 \
			&& grep -x 'Type completeness score: 100%' $(VENV)/verifytypes.log \
			|| { cat $(VENV)/verifytypes.log; exit 1; }; \
	done

format: $(VENV)/.installed-dev ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

# The tests are those of the source distribution, in a place where nothing of the checkout can be imported.
wheel-test: $(VENV)/.installed-dev ## Build both distributions, and test the wheel with what the other one contains
	@away=$$(mktemp -d); trap 'rm -rf "$$away"' EXIT; here=$$PWD; unset PYTHONPATH; export PYTHONNOUSERSITE=1; \
	echo "building the source distribution, and the wheel from it"; \
	$(BIN)/python -m build --outdir "$$away" . >"$$away/build.log" 2>&1 || { cat "$$away/build.log"; exit 1; }; \
	mkdir "$$away/work"; tar -xzf "$$away"/*.tar.gz -C "$$away/work" --strip-components=1; cd "$$away/work"; \
	echo "installing $$(basename "$$away"/*.whl)"; \
	"$$here/$(BIN)/python" -m venv "$$away/venv"; \
	"$$away/venv/bin/python" $(PIP) --upgrade 'pip>=25.1'; \
	"$$away/venv/bin/python" $(PIP) "$$(echo "$$away"/*.whl)[$(EXTRAS)]" --group pyproject.toml:test; \
	"$$away/venv/bin/python" -c 'import importlib, sys; \
		strays = [m.__file__ for m in map(importlib.import_module, sys.argv[2:]) if m.__file__.startswith(sys.argv[1])]; \
		sys.exit(f"imported from the checkout: {strays}" if strays else 0)' "$$here/" $(PACKAGES); \
	"$$away/venv/bin/python" -m pytest -p no:cacheprovider $(PARALLEL) $(ARGS)

coverage: $(VENV)/.installed-dev ## Run the tests and report the lines that they miss
	$(BIN)/python -m pytest --cov --cov-report=term $(PARALLEL) $(ARGS)

docs: $(VENV)/.installed-dev ## Build the documentation into build/docs
	$(BIN)/sphinx-build -W --keep-going -E -q docs build/docs
	@echo "build/docs/index.html"

pictures: $(VENV)/.installed-dev ## Regenerate the pictures of the documentation from real runs
	$(BIN)/python docs/pictures/make.py $(ARGS)

bench: $(VENV)/.installed-dev ## Measure the speed, as ratios to bare async generators
	$(BIN)/python tests/bench/run.py $(ARGS)

load: $(VENV)/.installed-dev ## Load a server with 5,000 clients, and hold it against a bare ASGI endpoint (ARGS=--short)
	$(BIN)/python tests/load/run.py $(ARGS)

fuzz: $(VENV)/.installed-dev ## Load a million hostile documents (CASES=... changes the number)
	HEADWATER_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest tests/config/test_hostile.py --timeout=0 $(ARGS)

fuzz-api: .venv-api/.installed ## Try the HTTP API with generated requests (ARGS="--max-examples 100")
	.venv-api/bin/python tests/api/run.py --phases examples,coverage,fuzzing $(ARGS)

.venv-api/.installed: pyproject.toml
	$(call make-venv,.venv-api,$(PYTHON))
	@echo "installing headwater[$(SERVE_EXTRAS)] and Schemathesis into .venv-api"
	@.venv-api/bin/python $(PIP) --editable '.[$(SERVE_EXTRAS)]' --group api
	@touch $@

random-dags: $(VENV)/.installed-dev ## Compare 100,000 random pipelines with a plain interpreter (GRAPHS=...)
	HEADWATER_GRAPHS=$(GRAPHS) $(BIN)/python -m pytest tests/dags --timeout=0 $(ARGS)

# The tests pin the hash of axe-core as well.
browser: $(VENV)/.installed-dev ## Test the monitor in Chromium (Debian: apt-get install chromium npm)
	@mkdir -p build/axe
	@cd build/axe && if [ ! -e axe-core-$(AXE).tgz ]; then npm pack --silent axe-core@$(AXE) >/dev/null; fi
	@tar -xzf build/axe/axe-core-$(AXE).tgz -C build/axe package/axe.min.js
	HEADWATER_BROWSER_TESTS=1 $(BIN)/python -m pytest tests/browser $(ARGS)

# The lock file pins the packages by their hashes.
foreign-clients: $(VENV)/.installed-dev ## Test the server with clients of others (Debian: nodejs npm chromium curl)
	@mkdir -p build/foreign
	@cp tests/foreign/package.json tests/foreign/package-lock.json build/foreign
	@cd build/foreign && npm ci --silent --no-audit --no-fund
	HEADWATER_FOREIGN_TESTS=1 $(BIN)/python -m pytest tests/foreign $(ARGS)

venv: $(VENV)/.installed-dev ## Create .venv with all development tools

clean: ## Remove environments, builds and caches
	rm -rf .venv .venv-* build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: install again only if pyproject.toml has changed. The dev environment is enough for the demo.
$(VENV)/.installed-demo: pyproject.toml
	$(call make-venv,$(VENV),$(PYTHON))
	@echo "installing headwater[$(DEMO_EXTRAS)] into $(VENV)"
	@$(BIN)/python $(PIP) --editable '.[$(DEMO_EXTRAS)]'
	@touch $@

$(VENV)/.installed-serve: pyproject.toml
	$(call make-venv,$(VENV),$(PYTHON))
	@echo "installing headwater[$(SERVE_EXTRAS)] into $(VENV)"
	@$(BIN)/python $(PIP) --editable '.[$(SERVE_EXTRAS)]'
	@touch $@ $(VENV)/.installed-demo

$(VENV)/.installed-dev: pyproject.toml
	$(call make-venv,$(VENV),$(PYTHON))
	@echo "installing headwater[$(EXTRAS)] and the development tools into $(VENV)"
	@$(BIN)/python $(PIP) --editable '.[$(EXTRAS)]' --group dev
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed-serve

.venv-lowest/.installed-test: pyproject.toml
	$(call make-venv,.venv-lowest,$(PYTHON))
	@echo "installing the lowest versions of all dependencies into .venv-lowest"
	@.venv-lowest/bin/python $(PIP) uv
	@.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--editable '.[$(ALL_EXTRAS)]' --group test
	@touch $@

.PRECIOUS: .venv-%/.installed-test
.venv-%/.installed-test: pyproject.toml
	$(call make-venv,.venv-$*,$(PYTHON))
	@echo "installing headwater[$(EXTRAS)] and the test tools into .venv-$*"
	@.venv-$*/bin/python $(PIP) --editable '.[$(EXTRAS)]' --group test
	@touch $@
