# Two commands for a newcomer: `make demo` and `make test`. Both set everything up first.
PYTHON ?= python3
# Which build of torch: cpu or cuda; `auto` takes what pip's own configuration gives. TORCH_INDEX is the address
# of the package index that holds the build, where pip's own configuration does not give it.
TORCH ?= auto
TORCH_INDEX ?=
# A folder of your own music for the demo, instead of the procedural catalogue.
MUSIC ?=

export PYTEST_ADDOPTS
# Ray starts dozens of processes: without bytecode on disk each would compile diffusers and transformers anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(TORCH)

.PHONY: setup demo serve benchmark test test-full fuzz check clean

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml deploy/setup.sh
	@PYTHON="$(PYTHON)" TORCH="$(TORCH)" TORCH_INDEX="$(TORCH_INDEX)" bash deploy/setup.sh $(VENV)
	@touch $@

demo: setup
	@$(BIN)/python -m jobs.demo $(if $(MUSIC),configs/music.yaml "scrape.sources.0.path=$(MUSIC)",configs/demo.yaml)

serve: setup
	@$(BIN)/python -m jobs.deploy serve_config.yaml

benchmark: setup
	@$(BIN)/python -m jobs.benchmark configs/benchmark_small.yaml

test: setup
	@$(BIN)/python -m pytest -m "not slow and not gpu"

test-full: setup
	@bash deploy/browser.sh
	@$(BIN)/python -m pytest -m "not gpu"

fuzz: setup
	@bash deploy/fuzz.sh

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) .venv-fuzz out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
