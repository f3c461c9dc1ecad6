# Two commands for a newcomer: `make cycle` and `make test`. Everything lies in .venv and $STORMCYCLE_HOME (./.stormcycle).
SHELL := /bin/bash
PYTHON ?= python3.11
export STORMCYCLE_HOME ?= $(CURDIR)/.stormcycle
ifneq ($(wildcard $(CURDIR)/../shared/data),)
export STORMCYCLE_DATA ?= $(abspath $(CURDIR)/../shared/data)
endif
# one thread a library: the two cores are shared by processes
export OMP_NUM_THREADS ?= 1
BIN := .venv/bin

.PHONY: install packages cycle test coverage lint documents baselines limits samples quality-shares radar-speed mask-study clean

install: .venv/installed

packages: ## the few Debian packages that a bare machine lacks
	@command -v gcc >/dev/null && command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -y -q gcc python3.11 python3.11-venv python3.11-dev; } \
	  || { echo "Please run: sudo apt-get install gcc python3.11 python3.11-venv python3.11-dev"; exit 1; }

.venv/installed: requirements.lock pyproject.toml | packages
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

cycle: install ## two simulated hours, end to end, with a real Prefect server on loopback
	$(BIN)/python -m flows.demo

test: install ## the test suite
	@[ -n "$$STORMCYCLE_DATA" ] && echo "real samples: found" || echo "real samples: STORMCYCLE_DATA is not set and no data folder lies beside the checkout; tests that need them skip"
	$(BIN)/python -m pytest

coverage: install ## the test suite again, with the share of lines that it runs
	$(BIN)/python -m pytest --cov=stormcycle --cov=tasks --cov=flows --cov-report=term-missing:skip-covered

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

documents: install ## docs/data_dictionary.md and schemas/domain.schema.json from their sources
	$(BIN)/python -m stormcycle.release.dictionary

baselines: install ## the score table of sequence 001 (docs/baselines.md), about a minute
	$(BIN)/python -m flows.studies.baselines

limits: install ## what good data give beside every limit of the gates (schemas/expectations, docs/gates.md), some minutes
	$(BIN)/python -m flows.studies.limits

samples: install ## what reads which radar sample (docs/radar_samples.md), two minutes
	$(BIN)/python -m flows.studies.samples

quality-shares: install ## what each step of quality control rejects (docs/quality_control.md), some minutes
	$(BIN)/python -m flows.studies.quality_shares

radar-speed: install ## NEXRAD volumes beside Py-ART (docs/radar_speed.md), some minutes
	$(BIN)/python -m flows.studies.radar_speed

mask-study: install ## the outlier mask on simulated blocked sectors (docs/outlier_mask.md), some minutes
	$(BIN)/python -m flows.studies.mask

clean:
	rm -rf .venv build *.egg-info
