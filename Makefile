# Every target sets up what it needs in a virtual environment of its own; nothing is installed outside of it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint docs reports benchmark clean

demo: $(STAMP)-examples
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh

test: $(STAMP)-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: $(STAMP)
	$(BIN)/python docs/generate.py

reports: $(STAMP)-dev
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python docs/make_reports.py $(PAGES)

benchmark: $(STAMP)-dev
	$(BIN)/python benchmarks/scan.py
	$(BIN)/python benchmarks/overhead.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(STAMP)-examples: $(STAMP)
	$(BIN)/python -m pip install --quiet --group examples
	@touch $@

$(STAMP)-dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --group test --group lint --group examples --group frameworks
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
