# The two commands: `make demo` (ONCE=1 stops after the verdicts) and `make test`.
# Both install what they need into .venv first; nothing but Python 3.11 and a package index is
# needed.
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := --quiet --disable-pip-version-check

# One thread for each library in each process: the graph brings its own parallelism.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test check format lock clean help

help: ## Show this list.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP) ## Start the graph, send real faces through it, print the verdicts (ONCE=1 stops then).
	$(BIN)/palisade demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

# The checks take one core for a minute, and the first tests leave some of it. Tests that start Ray
# need the machine to themselves.
test: $(STAMP) ## Check style, types and layers, and run the tests.
	@mkdir -p build
	@status=0; \
	$(MAKE) check >build/check.log 2>&1 & checking=$$!; \
	$(BIN)/pytest -m 'not serve' -n logical --maxprocesses 4 --dist loadfile $(PYTEST_ARGS) || status=$$?; \
	wait $$checking || status=$$?; \
	$(BIN)/pytest -m serve $(PYTEST_ARGS) || status=$$?; \
	cat build/check.log; \
	exit $$status

check: $(STAMP) ## Style, types and layers only.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Put the code into shape.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin every package anew from pyproject.toml, in fresh environments.
	$(call freeze,requirements.txt,.[cpu$(comma)dev])
	$(call freeze,requirements-runtime.txt,.[cpu],--constraint requirements.txt)

comma := ,
# What packages ask for and Palisade does not run: pip's own, another OpenCV in the same folder, and
# the code of rapidocr, whose wheels are installed for the models inside.
UNUSED := pip|setuptools|wheel|opencv-(contrib-)?python|opencv-python-headless|pyclipper|shapely|omegaconf|antlr4-python3-runtime|colorlog
# Write the list $(1) of what installing $(2) brings in; comments stay.
define freeze
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet $(3) --editable '$(2)'
	{ sed -n '/^#/p' $(1); build/lock/bin/pip freeze --exclude-editable \
	  | grep -viE '^($(UNUSED))=='; } > build/$(1)
	mv build/$(1) $(1)
endef

clean: ## Remove the environment and what tools left behind.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Palisade needs Python 3.11, and $(PYTHON) is another: make PYTHON=/path/to/python3.11"; \
	    exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); this takes a minute or two ..."
	# --no-deps: the list is complete, and pip would add the OpenCV wheel that it leaves out.
	$(BIN)/pip install $(PIP) --no-deps --requirement requirements.txt
	$(BIN)/pip install $(PIP) --no-deps --editable .
	touch $@
