# Everything a newcomer runs. Needs git, make and Python 3.11 or newer (with venv); Node comes along if it is missing.
#   make demo [PORT=8888] [HEADLESS=1]   JupyterLab on demo_notebooks/
#   make test [ARGS="-k text"]           set-up, lint, types, front-end tests, pytest
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet -c constraints.txt
NPM := $(PY) hatch_build.py npm
SETUP := pyproject.toml constraints.txt hatch_build.py
ARGS ?=
PEERS ?= $(VENV)-peers

.PHONY: demo test lint format types bench bench-peers docs js-dev js-test pictures bundles chromium build wheel lock clean

demo: $(VENV)/.demo bundles
	$(PY) scripts/demo.py $(if $(PORT),--port $(PORT)) $(if $(HEADLESS),--headless)

test: lint types js-test bundles chromium
	$(PY) -m pytest $(ARGS)

lint: $(VENV)/.test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(NPM) run --silent lint

format: $(VENV)/.test
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(NPM) run --silent format

types: $(VENV)/.test
	$(PY) -m mypy
	$(NPM) run --silent check

# Speed and memory, as ratios taken side by side: ARGS="--case trace" for a part, --help for the rest. The rivals in tracing
# and on screen take part where bench-peers has set them up, in an environment of their own: they pin much of what they use.
bench: $(VENV)/.test bundles chromium
	$(PY) -m tests.benchmarks --peers $(PEERS)/bin/python $(ARGS)

bench-peers: $(PEERS)/.made

docs: $(VENV)/.docs
	$(PY) -m pdoc --docformat google --output-directory build/docs attrium attrium_kernel
	@echo "build/docs/index.html"

# The README's pictures, taken from the widgets in a real JupyterLab.
pictures: $(VENV)/.test bundles chromium
	$(PY) -m tests.browser.pictures

# Rebuilds on every change of js/src and swaps the front end of running widgets without a reload.
js-dev: $(VENV)/.dev bundles
	$(PY) scripts/demo.py --watch $(if $(PORT),--port $(PORT)) $(if $(HEADLESS),--headless)

js-test: $(VENV)/.test
	$(NPM) run --silent test

bundles: $(VENV)/.made
	$(PY) hatch_build.py

chromium: $(VENV)/.made
	scripts/install_chromium.sh

build: $(VENV)/.test bundles
	$(PY) -m build --no-isolation --outdir dist

wheel: $(VENV)/.test bundles
	$(PY) -m build --no-isolation --wheel --outdir dist

# Writes the versions installed and tested here into constraints.txt.
lock: $(VENV)/.test $(VENV)/.docs $(VENV)/.dev
	$(PY) scripts/lock.py > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf build dist js/node_modules widgets/attrium/static .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf $(VENV) $(VENV)-peers

# Stamps: set-up runs again only when what it depends on has changed.
$(VENV)/.made: $(SETUP)
	@test -n "$(PYTHON)" || { echo "No python3 found: install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than Python 3.11: run make with PYTHON=/path/to/python3.11."; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV) \
	  || { echo "No venv in $(PYTHON): install it (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	$(PIP) hatchling
	node="$$($(PY) hatch_build.py node)" && if [ -n "$$node" ]; then $(PIP) "$$node"; fi
	mkdir -p build && touch $@

# The rivals on screen fetch scripts from a CDN; these npm packages stand in for it, where there is no network to reach.
PAGES := d3@5.7.0 jquery@2.1.0 requirejs@2.3.6
$(PEERS)/.made: tests/benchmarks/peers.txt $(VENV)/.made
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	echo '*' > $(PEERS)/.gitignore
	$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet -r tests/benchmarks/peers.txt
	mkdir -p $(PEERS)/pages
	$(NPM) install --prefix $(abspath $(PEERS))/pages --no-save --ignore-scripts --no-audit --no-fund --silent $(PAGES)
	touch $@

$(VENV)/.demo: $(VENV)/.made
	$(PIP) --no-build-isolation -e '.[demo]'
	touch $@

$(VENV)/.test: $(VENV)/.made
	$(PIP) --no-build-isolation -e '.[test]'
	touch $@ $(VENV)/.demo

$(VENV)/.docs $(VENV)/.dev: $(VENV)/.%: $(VENV)/.demo
	$(PIP) --no-build-isolation -e '.[$*]'
	touch $@
