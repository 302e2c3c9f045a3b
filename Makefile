# Everything that is done with this project, on a machine with Python 3.11 or newer, git and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MODEL ?= llama3-70b
ARGS ?=
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$name"; break; fi; done)
PYTHON_LOWEST ?= $(shell if python3.11 -c '' 2>/dev/null; then echo python3.11; else echo "$(PYTHON)"; fi)
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed  ## Recommend how to run MODEL (llama3-70b) on this machine; the answer "no" is an answer
	@$(BIN)/llmprobe recommend --model "$(MODEL)" || test $$? -eq 3
	@echo && echo "Which models run best on this machine: $(BIN)/llmprobe fit"

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/python -m pytest --numprocesses auto

lint: $(VENV)/.dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## Mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## Check the types, tests included
	$(BIN)/mypy
	$(BIN)/mypy .ci/*.py

contracts: $(VENV)/.dev  ## Check who may import whom
	$(BIN)/lint-imports

coverage:  ## Run the tests with Python 3.12 or newer and count the lines they reach; under the floor in pyproject.toml it fails
	.ci/coverage

test-oldest:  ## Run the tests with the lowest versions of dependencies that pyproject.toml declares
	@mkdir -p build
	$(PYTHON_LOWEST) .ci/lowest.py >build/lowest.txt
	.ci/try oldest $(PYTHON_LOWEST) --only-binary :all: --constraint build/lowest.txt

test-newest:  ## Run the tests with the newest versions of dependencies
	.ci/try newest $(PYTHON)

test-ray:  ## Run the tests on a real Ray cluster of three nodes, which is started for them
	PYTEST_ARGS=tests/tasks/fleet/test_ray.py .ci/try ray $(PYTHON) --constraint constraints.txt 'ray>=2.55'

test-pythons:  ## Run the tests with every Python that we claim and this machine has (ARGS: those to leave out)
	.ci/pythons $(ARGS)

site: $(VENV)/.dev  ## Build the documentation as a site in build/site, strictly, and check that it needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file .ci/mkdocs.yml
	$(BIN)/python -m docs.manual.alone build/site

docs: $(VENV)/.dev  ## Check that the documentation says what the program does
	$(BIN)/python -m pytest tests/test_docs.py

ci: lint types contracts test accuracy-check docs site wheel  ## Everything that a change must pass

catalog: $(VENV)/.dev  ## Check every entry of the catalog, and your own, by counting its tensors
	$(BIN)/python -m benchmarks.catalog

capability: $(VENV)/.dev  ## Fit the index of capability to published results, and write llmprobe/data/capability.json
	$(BIN)/python -m benchmarks.capability.table

capability-check: $(VENV)/.dev  ## Hide published results, predict them by the others, and print how well that went
	$(BIN)/python -m benchmarks.capability.check

goldens: $(VENV)/.dev  ## Rewrite the golden snapshots of the recorded machines; review the diff
	$(BIN)/python -m tests.goldens

readme: $(VENV)/.dev  ## Rewrite the examples on all pages; review the diff
	$(BIN)/python -m tests.readme

man: $(VENV)/.dev  ## Rewrite the man pages from the help
	$(BIN)/python -m docs.manual.man

schemas: $(VENV)/.dev  ## Rewrite the JSON Schemas of the documents
	$(BIN)/python -m tests.output.schemas

accuracy: $(VENV)/.dev  ## Compare the estimates with all that was measured, and write the table (minutes)
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.accuracy_fit

accuracy-check: $(VENV)/.dev  ## Compare again, and check that the pages and the file of figures say the same
	$(BIN)/python -m benchmarks.accuracy --check

bench: $(VENV)/.dev  ## Measure CPU time and peak memory of the commands, the time of estimates and headers, the server, and the page
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.estimator_speed
	$(BIN)/python -m benchmarks.serve
	$(BIN)/python -m benchmarks.report

bench-fleet: $(VENV)/.dev  ## Measure what `fleet fit` costs for a million answers (minutes)
	$(BIN)/python -m benchmarks.fleet

picks: $(VENV)/.dev  ## Ask fit for what people recommended, on a machine with their memory (minutes)
	$(BIN)/python -m benchmarks.picks

budgets: $(VENV)/.dev  ## Check that no choice is over a budget: a sample of all machines, models and contexts (ARGS=--all: hours)
	$(BIN)/python -m benchmarks.budgets $(ARGS)

plans: $(VENV)/.dev  ## Check that no machine that plan names for a model is over a budget (minutes; ARGS="--part 1/40": a fortieth)
	$(BIN)/python -m benchmarks.plans $(ARGS)

first-choices: $(VENV)/.dev  ## Check that every row of fit is what recommend says (an hour; ARGS="--part 1/40": a fortieth)
	$(BIN)/python -m benchmarks.first_choices $(ARGS)

verify: $(VENV)/.dev  ## Load small models with the printed commands in a real llama-server (built once), over rpc-servers too, and compare
	$(BIN)/python -m benchmarks.verify

page:  ## Build the page of report and serve from its TypeScript (needs Node.js 20.19, or 22.12, or newer)
	cd llmprobe/page/web && npm ci --ignore-scripts && npm run all

page-check:  ## Check that the built page is what its sources make, byte for byte
	.ci/page

wheel:  ## Build a wheel and try it in an empty environment, without the development tools
	.ci/wheel "$(PYTHON)"

app:  ## Build one executable file for this kind of machine into dist, which needs no Python, and try it (minutes)
	.ci/app "$(PYTHON)"

sdist:  ## Build an sdist, unpack it into an empty folder, and run a sample of its tests there
	.ci/sdist "$(PYTHON)"

release:  ## Build wheel and sdist of the last commit twice, compare, and write them, checksums and packages to dist (ADDRESS, HOMEPAGE, PROGRAM=1)
	PYTHONPATH=.ci:. $(PYTHON) -m release $(if $(PROGRAM),--program) $(if $(ADDRESS),--address "$(ADDRESS)") $(if $(HOMEPAGE),--homepage "$(HOMEPAGE)")

constraints:  ## Write into constraints.txt the newest versions of all development tools; run `make ci` with them
	$(PYTHON_LOWEST) -m venv --clear build/constraints
	build/constraints/bin/python -m pip install --quiet --editable '.[hub,dev]'
	{ sed '/^#/!d' constraints.txt; build/constraints/bin/python -m pip freeze --exclude-editable; } >build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean:  ## Remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .cache .coverage

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: this Python cannot make virtual environments" >&2; \
		echo "hint: on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --editable .
	@$(BIN)/python -m compileall -q llmprobe
	@touch $@

$(VENV)/.dev: $(VENV)/.installed constraints.txt
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: help run test coverage test-oldest test-newest test-ray test-pythons lint format types contracts docs site ci goldens readme man schemas accuracy accuracy-check catalog capability capability-check bench bench-fleet picks budgets plans verify page page-check wheel app sdist release constraints clean
