# Orb: `make help` lists what can be made. Nothing here needs more than Python 3.11 and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SEED   ?= 1
NODES  ?= 100

.DEFAULT_GOAL := help
.PHONY: help install dev dev-stop test check unit integration format proto sim sim-raft bench images lab lab-down clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- environments -----------------------------------------------------------------------------
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Orb needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "This Python has no venv. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing Orb into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@echo "Installing the tools for development …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --group dev
	@touch $@

install: $(VENV)/.installed ## Make the environment and install Orb into it

# ---- a cluster on this machine ----------------------------------------------------------------
dev: $(VENV)/.installed ## Start a cluster on this machine, apply the examples, show its status
	@sh deploy/dev.sh "$(BIN)"

dev-stop: $(VENV)/.installed ## End it, with all that runs in it
	@$(BIN)/orbctl dev stop

images: ## Build the image of the examples (needs a Docker Engine)
	@sh deploy/example-image.sh

lab: ## Start the lab: three servers and three nodes in containers, an engine in each node
	@sh deploy/lab/lab.sh up

lab-down: ## End the lab and forget its state
	@sh deploy/lab/lab.sh down

# ---- quality ----------------------------------------------------------------------------------
test: check unit integration ## Everything that CI runs

check: $(VENV)/.tools ## Format, lint, types, import contracts, tidiness, fresh stubs
	@$(BIN)/ruff format --check --quiet . || { echo "make format puts that right"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -p no:cacheprovider tests/test_tidy.py tests/test_names.py tests/test_stubs.py

unit: $(VENV)/.tools ## Tests that need nothing but this machine's Python
	@$(BIN)/pytest -q -n 2 -m 'not slow and not docker'

integration: $(VENV)/.tools ## Tests with real processes and, where an engine answers, real containers
	@if docker version >/dev/null 2>&1; then sh deploy/example-image.sh; fi
	@$(BIN)/pytest -q -rs -m 'slow or docker'

format: $(VENV)/.tools ## Format the code and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

proto: $(VENV)/.tools ## Write orb/v1 anew from proto/
	@$(BIN)/python -m grpc_tools.protoc -I proto --python_out=. --pyi_out=. --grpc_python_out=. proto/orb/v1/*.proto

sim: $(VENV)/.tools ## One run of the cluster in a bottle: make sim SEED=7 NODES=100
	@$(BIN)/python -m controlplane.sim --seed $(SEED) --nodes $(NODES)

sim-raft: $(VENV)/.tools ## Thousands of simulated runs of the agreement protocol
	@$(BIN)/python -m tests.raft.simulate --runs 2000

bench: $(VENV)/.tools ## Measure, and print the command that repeats each figure
	@$(BIN)/python -m bench

clean: ## Remove what was made here (not a running cluster)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
