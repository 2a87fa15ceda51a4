# Three commands do everything: `make lab`, `make test`, `make check`. Each sets up what it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Files of tests that run side by side. More than two want more than two cores: some tests time what they see.
JOBS   ?= 2
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help lab test check chaos bench format assets servers clean

help: ## What there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

lab: $(VENV)/.lab assets ## Everything on one machine: simulators, broker, gateways, cloud, page (ARGS="--for 60s")
	@$(BIN)/plantroom-sim lab $(ARGS)

test: $(VENV)/.dev assets servers ## All tests, against a real broker, databases and browser (ARGS="-k outbox")
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(VENV)/.dev ## Format, lint, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: $(VENV)/.dev assets servers ## The long chaos runs
	@$(BIN)/python -m pytest -m long --timeout 3600 $(ARGS)

format: $(VENV)/.dev ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Plantroom needs Python 3.11 to 3.13; say which: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "No virtual environment could be made: sudo apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.lab: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[edge,cloud,sim]'
	@touch $@

$(VENV)/.dev: $(VENV)/.lab pyproject.toml constraints.txt
	$(INSTALL) --upgrade pip
	$(INSTALL) --group test --group check
	@touch $@

assets: | $(VENV)/bin/python ## Front-end packages (pinned) into the web folder
	@$(BIN)/python docker/assets.py

servers: ## What the tests talk to: mosquitto, InfluxDB, PostgreSQL, Chromium, libmodbus
	@tests/servers/install

clean: ## Remove the virtual environment and what was built
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache tests/.cache
