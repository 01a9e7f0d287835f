# make demo   sets everything up and follows, separates and pictures a piece that the project writes itself
# make test   sets everything up and passes the tests
# make docs   writes the pages that are made from the code: settings, API, gallery
# make fuzz   reads ten minutes of damaged files with every importer
# make soak   plays for an hour with everything on, and faults at random
# make peers  compares the figures of sound events with libraries that need an environment of their own
.PHONY: demo test test-all fuzz soak peers check docs bench setup clean

BIN := .venv/bin
SETUP := pyproject.toml constraints.txt setup/venv.sh

demo: .venv/.demo
	$(BIN)/collaparte demo

# Two workers on two cores, so one thread each. What plays on a JACK server has the machine to itself.
test test-all: export OMP_NUM_THREADS = 1
test test-all: export OPENBLAS_NUM_THREADS = 1
test: check
	$(BIN)/python -m pytest -m "not slow and not jack" --numprocesses 2 --dist worksteal
	$(BIN)/python -m pytest -m "jack and not slow"

test-all: check
	$(BIN)/python -m pytest

fuzz: .venv/.dev
	$(BIN)/python -m tests.fuzz

soak: .venv/.dev
	$(BIN)/python -m tests.soak $(SOAK)

peers: .venv-peers/.done
	.venv-peers/bin/python -m pytest --noconftest tests/offline/evaluation/detection/test_sound_event_peers.py

.venv-peers/.done:
	python3 -m venv .venv-peers
	.venv-peers/bin/pip install "numpy<2.4" "pandas<3" "setuptools<81" wheel scipy numba soundfile pytest pytest-timeout
	.venv-peers/bin/pip install --no-build-isolation sed_eval sed-scores-eval
	touch $@

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: .venv/.dev
	$(BIN)/python -m docs.tools

bench: .venv/.dev
	$(BIN)/python -m benchmarks

setup: .venv/.demo

.venv/.demo: $(SETUP) setup/system_packages.sh
	setup/system_packages.sh demo
	setup/venv.sh live,stage
	touch $@

.venv/.dev: $(SETUP) setup/system_packages.sh
	setup/system_packages.sh test
	setup/venv.sh live,train,stage,link,cluster,remote,tables,dev
	touch $@ .venv/.demo

clean:
	rm -rf .venv .venv-peers demo build site *.egg-info
