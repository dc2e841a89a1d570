# Every target makes the environment it needs in .venv; nothing is needed
# beforehand but make and Python 3.11 or later.

PYTHON ?= python3
# NumPy 1.24.2 has wheels for Python 3.11 and no later.
PYTHON_OLDEST ?= python3.11

# What `make test-kernels` goes through; either list may be empty.
CORETYPES ?= Nehalem Sandybridge Haswell Zen SkylakeX Cooperlake SapphireRapids
THREADS ?= 1 2 4
# How many suites at a time.
JOBS ?= 1

VENV := .venv
OLDEST := .venv-oldest
RUN := $(VENV)/bin/python
RUN_OLDEST := $(OLDEST)/bin/python

# scikit-learn checks array API input only where SciPy's support for it is on;
# without this variable that one check is skipped.
PYTEST := SCIPY_ARRAY_API=1

PIP := -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format bench docs test-kernels test-oldest test-engines
.PHONY: clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

demo: $(VENV)/stamp-package  ## both data sets, beside scikit-learn, in two minutes
	@$(RUN) examples/demo.py

test: lint  ## lint, the whole suite and the examples in the documentation
	$(PYTEST) $(RUN) -m pytest

lint: $(VENV)/stamp-test  ## ruff: rules and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/stamp-test  ## rewrite the code as `make lint` wants it
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(VENV)/stamp-bench  ## short benchmarks; rewrites docs/benchmarks.md
	$(RUN) benchmarks/run_all.py --short

docs: $(VENV)/stamp-docs  ## the documentation in docs/_build/html
	$(RUN) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

test-kernels: $(VENV)/stamp-test  ## the suite under each kernel of OpenBLAS, in turn
	$(PYTEST) $(RUN) tests/run_kernels.py --coretypes $(CORETYPES) --threads $(THREADS) \
		--jobs $(JOBS)

test-oldest: $(OLDEST)/stamp-test  ## the suite on the oldest supported versions
	$(PYTEST) $(RUN_OLDEST) -m pytest

test-engines: $(VENV)/stamp-test $(VENV)/stamp-engines  ## searches on Dask and Ray
	$(PYTEST) $(RUN) -m pytest tests/engines

clean:  ## remove everything these targets make
	rm -rf $(VENV) $(OLDEST) docs/_build build dist
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is touched when its step is done, so a second run starts at once and
# an interrupted one starts over.
$(VENV)/stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/stamp-package: pyproject.toml $(VENV)/stamp-venv
	$(RUN) $(PIP) install --editable .
	@touch $@

$(VENV)/stamp-%: pyproject.toml $(VENV)/stamp-package
	$(RUN) $(PIP) install --editable ".[$*]"
	@touch $@

# Every lower bound of pyproject.toml becomes the version to install.
$(OLDEST)/stamp-test: pyproject.toml
	$(PYTHON_OLDEST) -m venv --clear $(OLDEST)
	@$(RUN_OLDEST) -c 'import tomllib; \
		project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		extras = project["optional-dependencies"]; \
		names = project["dependencies"] + extras["test"] + extras["onnx"]; \
		print(*(n.replace(">=", "==") for n in names if ">=" in n), sep="\n")' \
		> $(OLDEST)/constraints.txt
	$(RUN_OLDEST) $(PIP) install --constraint $(OLDEST)/constraints.txt \
		--editable ".[test]"
	@touch $@
