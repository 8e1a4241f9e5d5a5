# `make` lists what there is.  Everything happens in .venv; another Python or folder: make test PYTHON=python3.13 VENV=.venv313

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c "import sys; sys.version_info >= (3, 11) and print('$(p)')" 2>/dev/null)) python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
# Two workers, each with whole files, slow ones first: what a file makes once is made once.  Without the compiled files every process would read all sources again.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile --no-loadscope-reorder

# Real market data for the tests marked `real`; they skip without it.
REAL := $(abspath $(wildcard ../shared/data))
ifneq ($(REAL),)
export PSE_REAL_DATA ?= $(REAL)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast explore lint bench study lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.demo ## install the core and run the whole path on made-up bars: ingest, backtest, report
	$(BIN)/pse demo

test: lint ## install the test set, then ruff, mypy and every test
	@$(BIN)/python tests/warm_kernels.py
	$(PYTEST)

test-fast: $(VENV)/.test ## the tests that need no real data, no browser and little time, with fewer drawn examples
	@$(BIN)/python tests/warm_kernels.py
	$(PYTEST) -m "not real and not browser and not slow"

explore: $(VENV)/.test ## the tests on examples never drawn before; `make test` draws the same ones everywhere
	PSE_EXPLORE=1 $(PYTEST) -m "not real and not browser"

lint: $(VENV)/.test ## ruff and mypy
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy

bench: $(VENV)/.test ## the benchmarks, each as a ratio to a yardstick
	$(BIN)/python -m benchmarks

study: $(VENV)/.test ## how often the court believes a random walk, and how often an edge of so much: about 20 minutes
	$(BIN)/python -m benchmarks.study

lock: $(VENV)/.test ## make requirements/*.lock from requirements/*.in
	$(LOCK) --output-file requirements/demo.lock requirements/demo.in
	$(LOCK) --output-file requirements/test.lock requirements/test.in

clean: ## remove .venv and what tools left behind; data, backtests and reports stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- .venv: one folder for both sets; the test set holds the demo set --------------------------------------------------------------------

$(VENV)/.demo: requirements/demo.lock pyproject.toml
	$(make-venv)
	@echo "installing requirements/demo.lock into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/demo.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.test: requirements/test.lock pyproject.toml
	$(make-venv)
	@echo "installing requirements/test.lock into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/test.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $(VENV)/.demo $@

define make-venv
@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('pse needs Python 3.11 or newer; this is ' + sys.version.split()[0] + '. Try: make PYTHON=python3.12 ...')"
@$(BIN)/python -c "" 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
endef
