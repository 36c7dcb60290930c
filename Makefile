# make demo    set up, run the workflow on the embedded genomes, print where the report is
# make test    set up, run the tests                     make check    lint, types, import order, schema
# make docs    docs/reference.md from the docstrings
# make bench   every benchmark (or NAME=…), figures in results/bench
# make test-slurm   a real one-node Slurm (root, Debian)
# Options: CORES=n  PROFILE=local|slurm|…  CONFIG=config/config.yaml  TORCH=cpu|cuda|keep  PYTHON=python3.12
VENV ?= .venv
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
CONFIG ?= config/config.yaml
NAME = all
PROFILE ?= local
export VENV
BIN := $(abspath $(VENV))/bin
RUN := PATH="$(BIN):$$PATH"

.PHONY: setup demo run test check format docs bench test-slurm clean
setup:
	@sh workflow/setup.sh

demo run: setup
	@$(RUN) photo51 run $(CONFIG) --profile $(PROFILE) $(if $(filter local,$(PROFILE)),--cores $(CORES))

test: setup
	$(RUN) OMP_WAIT_POLICY=PASSIVE python -m pytest -q -n $(CORES) --dist loadfile

check: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) lint-imports
	$(RUN) mypy
	$(RUN) codespell
	$(RUN) snakefmt --check workflow
	$(RUN) snakemake --lint --configfile config/config.yaml
	$(RUN) photo51 schema --check config/schema.json
	$(RUN) photo51 schema --check config/README.md

format: setup
	$(RUN) ruff check --fix .
	$(RUN) ruff format .
	$(RUN) snakefmt workflow

docs: setup
	$(RUN) python docs/make_reference.py

bench: setup
	$(RUN) python -m benchmarks $(NAME)

test-slurm: setup
	$(RUN) PHOTO51_TEST_SLURM=1 python -m pytest -v -m slurm tests/slurm

clean:
	rm -rf $(VENV) .snakemake
