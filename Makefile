# Each target makes .venv and installs what it needs; a fresh machine with Python 3.11 or newer is enough.
PYTHON ?= python3
BIN := .venv/bin
# Tests start hundreds of interpreters: each would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE
# The examples that .ci/run draws; pytest alone draws others each time.
export HYPOTHESIS_PROFILE ?= ci

.PHONY: demo test quick costs coverage lint check pages docs notebooks bench mutants release-check clean

demo: .venv/demo
	$(BIN)/flowgraph demo

# The sample of the commit; with FLOWGRAPH_THOROUGH=1 every test, as in the night. CONTRIBUTING.md says which.
test: .venv/check
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The same tests with their branch coverage, which costs two thirds more time.
coverage: .venv/check
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term --cov-report=xml
	$(BIN)/python tests/coverage_floor.py coverage.xml

# Seconds of each test, from which the sample is drawn, into tests/costs.json; of all with FLOWGRAPH_THOROUGH=1.
costs: .venv/check
	$(BIN)/python -m pytest --costs -n 2 --dist worksteal

# What a change of the engine most likely breaks.
quick: .venv/check
	$(BIN)/python -m pytest tests --quick -n 2 --dist worksteal

lint: .venv/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What .ci/run runs.
check: lint coverage

# Pages of docs/ that are made from the code.
pages: .venv/pages
	$(BIN)/python -m tools.coverage_page > docs/coverage.md
	$(BIN)/python -m tools.boxes_stub > stub.pyi && mv stub.pyi flowgraph/boxes/__init__.pyi
	$(BIN)/flowgraph gallery docs/gallery.md

# The site, in docs/_build/html; -W makes an error of every warning, -E finds pages of new names.
docs: .venv/docs
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "read docs/_build/html/index.html"

bench: .venv/bench
	$(BIN)/python -m benchmarks

# The notebooks, executed, with their outputs.
notebooks: .venv/check
	$(BIN)/python -m tools.notebooks

# Takes hours; not in CI. See "Mutation testing" in CONTRIBUTING.md.
mutants: .venv/mutants
	$(BIN)/python -m tools.mutants --sample 150 --seed 1

# A release without the upload; see RELEASING.md.
release-check: .venv/release
	$(BIN)/python -m tools.release_check

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/%: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

clean:
	rm -rf .venv out build dist docs/_build docs/generated .coverage coverage.xml .pytest_cache .mypy_cache .ruff_cache .hypothesis
