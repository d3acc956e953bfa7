# Two commands on a fresh machine: `make demo` and `make test`. Both set up the environment first; `make help` lists the rest.
# Needs make and Python 3.11 to 3.13, nothing else. VENV=path puts the environment elsewhere.

VENV ?= .venv
DEMO_OUT ?= demo
PYTEST_ARGS ?=
LOCK_ARGS ?=
UV ?= uv
LOCK ?= requirements.lock
PYTHONS ?= python3.11 python3 python3.12 python3.13 python

SHELL := /bin/sh
BIN := $(VENV)/bin
RUN := "$(BIN)/python" -m
# Make splits names at spaces; a stamp named after the checkout keeps an environment shared by two checkouts honest,
# because the editable install points at one of them only.
empty :=
STAMP := $(subst $(empty) ,\ ,$(VENV))/.riskml-$(firstword $(shell printf %s "$(CURDIR)" | cksum))

# One thread each: the two test workers, and the processes joblib starts, would otherwise fight over the cores.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export NUMBA_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-oldest test-newest benchmarks check format docs notebooks models lock wheel clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 - /p' Makefile | while IFS= read -r line; do \
	  printf '  make %-11s %s\n' "$${line%% - *}" "$${line#* - }"; done

demo: $(STAMP)  ## the whole main job on the embedded cohort, written to DEMO_OUT (demo)
	"$(BIN)/riskml" demo --out "$(DEMO_OUT)"

# A file stays on one worker, so that what its tests share (a trained bundle, a built wheel) is made once.
test: $(STAMP)  ## every test on two workers; PYTEST_ARGS="-m 'not slow'" adds arguments
	$(RUN) pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-oldest:  ## the same with the oldest versions that pyproject.toml allows, in .venv-oldest
	$(MAKE) test VENV=.venv-oldest LOCK=requirements-oldest.lock

test-newest:  ## the same with the newest versions there are, on the newest Python found, in .venv-newest
	$(MAKE) test VENV=.venv-newest LOCK= PYTHONS="python3.13 python3.12 python3.11 python3 python"

benchmarks: $(STAMP)  ## every side-by-side measurement, into benchmarks/RESULTS.md
	$(RUN) benchmarks

check: $(STAMP)  ## ruff (rules and format) and mypy strict
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: $(STAMP)  ## rewrite the code as ruff wants it
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: $(STAMP)  ## the documentation as a site: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet

notebooks: $(STAMP)  ## the notebooks for Jupyter in build/notebooks
	@"$(BIN)/jupytext" --version >/dev/null 2>&1 || $(RUN) pip install --quiet 'jupytext>=1.16'
	@mkdir -p build/notebooks
	for n in notebooks/*.py; do \
	  "$(BIN)/jupytext" --quiet --from py:percent --to ipynb -o "build/notebooks/$$(basename "$$n" .py).ipynb" "$$n" || exit 1; done

models: $(STAMP)  ## retrain the shipped bundles in models/
	"$(BIN)/python" models/rebuild.py

# uv from the PATH, or else into the environment. The oldest set: the lowest versions the bounds allow of what riskml needs to
# run, with the newest tools that go with them.
lock: $(STAMP)  ## renew requirements.lock and requirements-oldest.lock; LOCK_ARGS=--upgrade takes the newest versions
	@set -e; uv="$(UV)"; command -v "$$uv" >/dev/null || { $(RUN) pip install --quiet uv; uv="$(BIN)/uv"; }; mkdir -p build; \
	compile() { "$$uv" pip compile pyproject.toml --extra serve --extra sign --extra dask --no-header --no-annotate --quiet \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 "$$@"; }; \
	compile --group dev --generate-hashes --output-file requirements.lock $(LOCK_ARGS); \
	compile --resolution lowest-direct --upgrade --output-file build/oldest.txt; \
	compile --group dev --generate-hashes --constraint build/oldest.txt --output-file requirements-oldest.lock $(LOCK_ARGS)

wheel: $(STAMP)  ## build the wheel into dist/
	$(RUN) pip wheel --no-deps --no-build-isolation --wheel-dir dist .

clean:  ## remove caches and builds; the environment and the demo's output stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find riskml tests benchmarks models -type d -name __pycache__ -prune -exec rm -rf {} +

# --- the environment ----------------------------------------------------------------------------------------------

# A name on the PATH proves nothing (pyenv leaves shims of versions it does not have), so each candidate is run.
FIND_PYTHON = python=; for candidate in $(if $(PYTHON),"$(PYTHON)",$(PYTHONS)); do \
	  "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	    && { python=$$candidate; break; }; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "riskml needs Python 3.11, 3.12 or 3.13 with its venv module" \
	    "(Debian, Ubuntu: python3-venv); $(if $(PYTHON),$(PYTHON) is not that,none was found: set PYTHON=path)" >&2; exit 1; \
	fi

# The lock holds wheels for this one platform; anywhere else its hashes would refuse the right packages.
LOCKED = import platform as p, sys; sys.exit((sys.platform, p.machine(), p.libc_ver()[0], sys.version_info[:2]) \
	!= ("linux", "x86_64", "glibc", (3, 11)))

# The stamp goes first and comes last, so an interrupted install starts again. Only a broken environment is cleared.
$(STAMP): $(LOCK) pyproject.toml
	@rm -f "$(VENV)"/.riskml-*
	@"$(BIN)/python" -c '' 2>/dev/null || { $(FIND_PYTHON); \
	  clear=; [ ! -f "$(VENV)/pyvenv.cfg" ] || clear=--clear; set -ex; "$$python" -m venv $$clear "$(VENV)"; }
	@$(RUN) pip --version >/dev/null 2>&1 || $(RUN) ensurepip
	@if [ -n "$(LOCK)" ] && "$(BIN)/python" -c '$(LOCKED)'; then set -ex; \
	  $(RUN) pip install --quiet --require-hashes -r $(LOCK); \
	  $(RUN) pip install --quiet --no-deps --no-build-isolation -e .; \
	else $(if $(LOCK),echo "requirements.lock serves Linux x86-64 with Python 3.11 only:" \
	    "resolving here from the bounds in pyproject.toml; versions may differ";) set -ex; \
	  $(RUN) pip install --quiet 'pip>=25.1'; \
	  $(RUN) pip install --quiet -e '.[serve,sign,dask]' --group dev; \
	fi
# PYTHONDONTWRITEBYTECODE may be set; without byte code every start would compile riskml anew, which takes longer than
# a prediction.
	@$(RUN) compileall -q riskml
	@touch "$@"
