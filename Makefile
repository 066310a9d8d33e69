# Needs Python 3.11, make and git; everything else is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV ?= .venv
# CPU build of PyTorch where this index can be reached; for a GPU: TORCH_INDEX=https://download.pytorch.org/whl/cu128
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := $(VENV)/bin
TEST_PROCESSES ?= 2

.PHONY: demo tutorial docs test test-slow test-browser benchmark lint format clean

demo: $(VENV)/installed
	rm -rf demo
	$(BIN)/lumirage demo demo

# The commands of docs/tutorial as they stand there: the demo, and three scans "of one's own".
tutorial: $(VENV)/installed
	$(BIN)/python -m pytest -m slow tests/end_to_end/test_tutorial.py

# The site, in build/docs. Every warning is an error: a link within it that leads nowhere, a page that nobody can reach.
docs: $(VENV)/installed
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -b html docs build/docs

# Files in their order: the long runs of tests/end_to_end would else come last, one process alone with the last of them.
test: $(VENV)/installed
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -m slow

# Pages in a browser, by axe: needs npm, and Chromium on the PATH.
test-browser: $(VENV)/installed
	npm install --silent --no-save --prefix build axe-core@4
	AXE_CORE=$(CURDIR)/build/node_modules/axe-core/axe.min.js $(BIN)/python -m pytest -m browser

# Small: that the benchmarks run and write their tables. docs/concepts/performance.md says how to measure.
benchmark: $(VENV)/installed
	mkdir -p build
	$(BIN)/python benchmarks/label_transfer.py --side 72 --repeats 1 --out build/label_transfer.json
	$(BIN)/python benchmarks/peers.py --side 48 --sloppy --methods greedy fireants:greedy picsl_greedy --out build/peers.json
	$(BIN)/python benchmarks/gpu.py --side 48 --device cpu --spacings 1 --sloppy --methods greedy --out build/gpu.json
	$(BIN)/python benchmarks/app.py --sloppy --out build/app.json
	$(BIN)/python benchmarks/group.py --subjects 8 --structures 3 --out build/group.json

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch first and by itself, so that only it is looked for in the further index.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --retries 1 --extra-index-url $(TORCH_INDEX) -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,lint,docs]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
