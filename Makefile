# `make run` and `make test` do all set-up themselves; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

export KEDRO_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
# Packages are installed without byte code, and write it where it is used: a smaller environment, a faster install.
unexport PYTHONDONTWRITEBYTECODE

INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run demo serve test test-fast test-docs soak system-deps lint bench-serving ui viz notebook lock clean

help: ## List what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/installed ## Do the main job on the offline default: simulated months to an evaluated model
	@$(BIN)/kedro run

demo: $(VENV)/installed ## Play a month of slower streets to the champion of `make run`, and ask the monitoring what it says
	@$(BIN)/kedro service simulate --days 28 --scenario speed_limit --label-delay 24h --fresh

serve: $(VENV)/installed ## Answer rides on the current champion, with a page for people (http://127.0.0.1:9696)
	@$(BIN)/kedro service start

test: lint ## Run every test, linter, type check and import contract
	@$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --durations=40
	@echo "Coverage of trips and pipelines, in percent, of at least 95:"
	@$(BIN)/coverage report --include='*/trips/*,*/pipelines/*' --fail-under=95 --format=total

test-fast: lint ## Run linters and unit tests, within a minute: the inner loop
	@$(BIN)/python -m pytest -n 2 $(FAST)
# Those that take a fraction of a second each, and start, train and simulate little.
FAST := tests/trips tests/stats tests/level tests/rollout tests/model_package/test_files.py \
  $(patsubst %,tests/model_package/test_%.py,golden intervals pyfunc single) \
  $(patsubst %,tests/cli/test_%.py,context run selection service tables) \
  $(patsubst %,tests/pipelines/monitoring/test_%.py,alerts day_states evidence false_alarms incidents trend verdict)

test-docs: $(VENV)/installed-dev ## Run the commands that the documentation shows
	@$(BIN)/python -m pytest -m docs

soak: $(VENV)/installed-dev ## Run the long tests: many kills, many seeds, thousands of cases
	@$(BIN)/python -m pytest -m soak

system-deps: ## Install the programs that some tests need, by apt-get: Chromium, curl, nginx, Prometheus, wrk
	@.ci/system-deps

bench-serving: $(VENV)/installed-dev ## Measure the service beside MLflow's server and a bare one; needs wrk
	@$(BIN)/python benchmarks/measure_serving.py

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

ui: $(VENV)/installed ## Open the tracked runs in MLflow (http://127.0.0.1:5000)
	@mkdir -p data/mlflow
	@$(BIN)/python -c "$$RUNS_PAGE"
	@env -u MLFLOW_REGISTRY_STORE_URI $(BIN)/mlflow ui --backend-store-uri sqlite:///data/mlflow/mlflow.db --host 127.0.0.1 --port 5000

# MLflow's own first page shows no runs: this prints the address of the one that does.
define RUNS_PAGE
import contextlib, sqlite3
with contextlib.suppress(sqlite3.Error):
    store = sqlite3.connect("file:data/mlflow/mlflow.db?mode=ro", uri=True)
    for number, in store.execute("SELECT experiment_id FROM experiments WHERE name = 'ride_duration'"):
        print(f"The runs: http://127.0.0.1:5000/#/experiments/{number}/runs")
endef
export RUNS_PAGE

viz: $(VENV)/installed ## Open the graph of the pipelines (http://127.0.0.1:4141)
	@$(BIN)/kedro viz run

# Jupyter refuses root, whom containers have, unless it is allowed.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

notebook: $(VENV)/installed ## Open the notebooks in JupyterLab
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/kedro jupyter lab --notebook-dir notebooks $(AS_ROOT)

lock: $(VENV)/installed ## Resolve the dependencies again
	@$(INSTALL) uv
	@$(BIN)/uv pip compile $(LOCK) $(LEVELS:%=--extra %) -o requirements.lock
	@$(BIN)/uv pip compile $(LOCK) --all-extras --constraints requirements.lock -o requirements-dev.lock
	@$(BIN)/uv pip compile $(LOCK) --extra serving --extra build --constraints requirements.lock -o requirements-serving.lock
LEVELS := training tracking tuning explore serving build
LOCK := pyproject.toml --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --no-strip-extras --upgrade

clean: ## Remove the environment and everything that runs have made; raw months stay
	@PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m ride_duration.in_use data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage data/mlflow
	find data -type f ! -name .gitkeep ! -path 'data/01_raw/*' -delete

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	  || { echo "Python 3.11 to 3.14 is needed; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Making the environment $(VENV); this takes a minute or two."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@$(INSTALL) --no-deps --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@$(INSTALL) --no-deps --require-hashes -r requirements-dev.lock
	@touch $@
