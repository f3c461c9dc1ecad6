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
# libpython: Triton's processes for models need it; chromium: the tests click in the Prefect UI
DEBIAN := gcc python3.11 python3.11-venv python3.11-dev libpython3.11 chromium

.PHONY: install packages cycle test coverage lint documents baselines limits samples quality-shares radar-speed imager-speed lightning-study background-samples texture-study world-picture mask-study nowcast-study gpu-study ablation-study minimiser-study analysis-study background-errors serving-study export-study kill-table tensorrt-check clean

install: .venv/installed .venv-triton/installed ## both environments, and what Triton serves (seconds a model)
	@$(BIN)/stormcycle export

packages: ## the few Debian packages that a bare machine lacks
	@command -v gcc >/dev/null && command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  && $(PYTHON) -c 'import ctypes; ctypes.CDLL("libpython3.11.so.1.0")' 2>/dev/null && command -v chromium >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -y -q $(DEBIAN); } \
	  || { echo "Please run: sudo apt-get install $(DEBIAN)"; exit 1; }

.venv/installed: requirements.lock pyproject.toml | packages
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv-triton/installed: infra/triton/requirements.lock | packages ## Triton's wheel and ours do not agree on numpy
	$(PYTHON) -m venv .venv-triton
	.venv-triton/bin/pip install --quiet --requirement infra/triton/requirements.lock
	touch $@

cycle: install ## two simulated hours, end to end, with real Prefect and Triton servers on loopback
	$(BIN)/python -m flows.demo

test: install ## the test suite
	@[ -n "$$STORMCYCLE_DATA" ] && echo "real samples: found" || echo "real samples: STORMCYCLE_DATA is not set and no data folder lies beside the checkout; tests that need them skip"
	$(BIN)/python -m pytest tests/unit -n auto --dist loadfile
	$(BIN)/python -m pytest --ignore tests/unit

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

imager-speed: install ## an ABI scene on a grid beside stock Satpy: time and memory (docs/imager_speed.md), some minutes
	$(BIN)/python -m flows.studies.imager_speed

lightning-study: install ## GLM densities beside the real gridded product (docs/lightning.md), a minute
	$(BIN)/python -m flows.studies.lightning

background-samples: install ## what each GRIB sample gives (docs/background_samples.md), a minute
	$(BIN)/python -m flows.studies.background_samples

texture-study: install ## the texture of simulated rain beside real sequences (docs/texture.md), some minutes
	$(BIN)/python -m flows.studies.texture

world-picture: install ## one simulated time as every instrument sees it, truth beside (docs/pictures/simulated_hour.png)
	$(BIN)/python -m flows.studies.world_picture

mask-study: install ## the outlier mask on simulated blocked sectors (docs/outlier_mask.md), some minutes
	$(BIN)/python -m flows.studies.mask

nowcast-study: install ## learned nowcasts on events withheld from their training (docs/nowcast_skill.md); minutes on a GPU, else a day, goes on where it was interrupted
	$(BIN)/python -m flows.studies.nowcast_skill

gpu-study: install ## what the nowcast's networks cost on a GPU (docs/gpu.md); needs one, a minute
	$(BIN)/python -m flows.studies.gpu

ablation-study: install ## MRKAN's blocks switched off (docs/ablation.md); hours, goes on where it was interrupted
	$(BIN)/python -m flows.studies.ablation

background-errors: install ## those of the simulated domains (infra/background_errors/simulated.nc), two minutes
	$(BIN)/python -m flows.studies.background_errors

analysis-study: install ## the twin experiment, the operator, the paper's experiments (docs/analysis.md); an hour, what radars saw is kept
	$(BIN)/python -m flows.studies.analysis

minimiser-study: install ## an analysis beside SciPy's minimiser, and on larger grids (docs/minimiser.md), some minutes
	$(BIN)/python -m flows.studies.minimiser

serving-study: install ## latency beside ONNX Runtime, memory of the server after 200 cycles' requests (docs/serving.md), some minutes
	$(BIN)/python -m flows.studies.serving

export-study: install ## export times, drift of the graphs and of half precision (docs/export.md), a minute
	$(BIN)/python -m flows.studies.export

kill-table: install ## what is killed in the middle of a cycle, and what a rerun releases (docs/kills.md), some minutes
	$(BIN)/python -m flows.studies.kills

tensorrt-check: install ## whether TensorRT's parser takes every model's FP16 graph (docs/tensorrt.md); needs no GPU
	$(BIN)/pip install --quiet --editable '.[tensorrt]'
	$(BIN)/python -m flows.studies.tensorrt

clean:
	rm -rf .venv .venv-triton build *.egg-info
