# Each target makes .venv and installs what it needs; a fresh machine with Python 3.11 or newer is enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test quick coverage lint check pages notebooks bench mutants clean

demo: .venv/demo
	$(BIN)/flowgraph demo

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The same tests with their branch coverage, which costs two thirds more time.
coverage: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term --cov-report=xml
	$(BIN)/python tests/coverage_floor.py coverage.xml

# What a change of the engine most likely breaks; see "Quick tests" in CONTRIBUTING.md.
quick: .venv/dev
	$(BIN)/python -m pytest tests --quick -n 2 --dist worksteal

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What .ci/run runs.
check: lint coverage

# Pages of docs/ that are made from the code.
pages: .venv/dev
	$(BIN)/python -m tools.coverage_page > docs/coverage.md
	$(BIN)/python -m tools.boxes_stub > stub.pyi && mv stub.pyi flowgraph/boxes/__init__.pyi
	$(BIN)/flowgraph gallery docs/gallery.md

bench: .venv/bench
	$(BIN)/python -m benchmarks

# The notebooks, executed, with their outputs.
notebooks: .venv/dev
	$(BIN)/python -m tools.notebooks

# Takes hours; not in CI. See "Mutation testing" in CONTRIBUTING.md.
mutants: .venv/mutants
	$(BIN)/python -m tools.mutants --sample 150 --seed 1

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/%: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

clean:
	rm -rf .venv out build dist .coverage coverage.xml .pytest_cache .mypy_cache .ruff_cache .hypothesis
