# Each target makes .venv, with the newest Python of this machine that the package supports, and installs what it needs.
PYTHON ?= $(shell sh tools/find_python.sh)
BIN := .venv/bin
# Tests start hundreds of interpreters: each would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE
# The examples that .ci/run draws; pytest alone draws others each time.
export HYPOTHESIS_PROFILE ?= ci
LOWEST ?= lean
CORE := demo,dev,files
PATIENT := $(patsubst %,-W default::%Warning,Deprecation PendingDeprecation Future)

.PHONY: demo near test core oldest whole costs coverage lint check constraints soak reseed pages docs notebooks bench mutants release-check clean

demo: .venv/demo
	$(BIN)/flowgraph demo

# The tests of the rooms that differ from main, whole: what to run after a change. CONTRIBUTING.md says more.
near: .venv/check
	$(BIN)/python -m pytest tests --near -n 2 --dist worksteal

# The sample that tests/seed.txt draws; with FLOWGRAPH_THOROUGH=1 every test, as in the night.
test: .venv/check
	$(BIN)/python -m pytest -n 2 --dist worksteal

# A sample that takes twice the time, with its branch coverage, which costs two thirds more; what fails is run once more,
# alone.
coverage: .venv/check
	$(BIN)/python -m tests.gate --share 0.13 -n 2 --dist worksteal --cov --cov-report=term --cov-report=xml
	$(BIN)/python tests/coverage_floor.py coverage.xml

# Samples of fresh seeds, for so many minutes; each failure is a file in out/soak/.
MINUTES ?= 30
soak: .venv/check
	$(BIN)/python -m tests.soak $(MINUTES)

# Another number for tests/seed.txt, to be committed by itself when `make check` is green with it.
reseed: .venv/check
	$(BIN)/python -m tests.seed

# The versions that .ci/run installs: on the newest Python the newest releases that pip resolves together, on the oldest
# what `core` installs. A commit of its own, when .ci/run is green with them.
constraints:
	rm -rf .venv .venv-oldest
	$(MAKE) .venv/check .venv-oldest/$(CORE)
	for folder in .venv .venv-oldest; do \
	  file=tools/constraints-$$($$folder/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt; \
	  $$folder/bin/python -m pip freeze --all --exclude-editable | sed 's/+.*//' >$$file; \
	done

# On the oldest Python of this machine, with the lowest NumPy: the package, its demo, the tests of its core.
core: .venv-oldest/$(CORE)
	.venv-oldest/bin/flowgraph demo
	.venv-oldest/bin/python -m pytest $(PATIENT) tests/shapes tests/box tests/graph --sampled -n 2 --dist worksteal

# A small sample on the oldest Python of this machine, with the lowest versions that pyproject.toml allows, which use what
# newer releases of others deprecate. LOWEST=test has PyTorch too, 7 GB.
oldest: .venv-oldest/$(LOWEST)
	.venv-oldest/bin/python -m pytest $(PATIENT) --share 0.01 -n 2 --dist worksteal

# Every test, or those of ROOMS="plan box"; what they took is written into tests/costs.json.
whole: .venv/check
	FLOWGRAPH_THOROUGH=1 $(BIN)/python -m pytest --costs -n 2 --dist worksteal $(ROOMS:%=tests/%)

# Seconds of the processor for the tests of the sample, from which samples are drawn, into tests/costs.json.
costs: .venv/check
	$(BIN)/python -m pytest --costs -n 2 --dist worksteal

lint: .venv/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What decides about a change, as .ci/run runs it.
check: lint coverage

# Pages of docs/ that are made from the code.
pages: .venv/pages
	$(BIN)/python -m tools.coverage_page docs/coverage.md
	$(BIN)/python -m tools.boxes_stub flowgraph/boxes/__init__.pyi
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
	python="$(PYTHON)" && $$python -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/%: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

.venv-oldest/%: pyproject.toml
	python="$$(sh tools/find_python.sh --oldest)" && $$python -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --upgrade pip uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct --editable ".[$*]"
	touch $@

clean:
	rm -rf .venv .venv-oldest out build dist docs/_build docs/generated .coverage coverage.xml .pytest_cache .mypy_cache .ruff_cache .hypothesis
