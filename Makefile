# wmagent: two commands show everything. `make demo` for the journey, `make test` for all checks.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# the first interpreter of 3.11–3.13 that is here; `make PYTHON=/path/to/python …` chooses another
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)

.PHONY: help demo install test lint format clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo "  make demo DATA=transitions.jsonl        the same journey on your own transitions"
	@echo "  make demo DATA=… GOAL=\"words\"           … towards a goal of your choice"

demo: $(VENV)/.installed ## learn, plan, ask what-if, flag an odd step, write demo/report.html (under three minutes)
	@$(BIN)/wmagent demo $(if $(DATA),"$(DATA)") $(if $(GOAL),--goal "$(GOAL)")

install: $(VENV)/.installed ## make .venv and install everything a user needs

test: $(VENV)/.installed-dev lint ## everything CI checks: lint, format, types, tests, README code
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-dev ## ruff and pyright
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

format: $(VENV)/.installed-dev ## let ruff put the code in order
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## remove what make made (the environment, caches, the demo's files)
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist demo *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch goes first and alone, so that nothing installed later replaces its build
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "wmagent needs Python 3.11, 3.12 or 3.13, and none was found." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 demo" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "$(PYTHON) could not make a virtual environment;" \
		"on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; }
	@echo "installing (once; one to five minutes, about 1.5 GB with a CPU build of torch)"
	@echo "  1/2 torch"
	@$(PIP) install --quiet -c constraints.txt torch==2.13.0
	@echo "  2/2 wmagent and what it stands on"
	@$(PIP) install --quiet -c constraints.txt -e '.[text,sqlite]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the development tools"
	@$(PIP) install --quiet -c constraints.txt -e '.[text,sqlite,dev]'
	@touch $@
