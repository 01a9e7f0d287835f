# make demo   sets everything up and follows, separates and pictures a piece that the project writes itself
# make test   sets everything up and passes the tests
.PHONY: demo test test-all check bench setup clean

BIN := .venv/bin
SETUP := pyproject.toml constraints.txt setup/venv.sh

demo: .venv/.demo
	$(BIN)/collaparte demo

# What plays on a JACK server has the machine to itself.
test: check
	$(BIN)/python -m pytest -m "not slow and not jack" --numprocesses 2 --dist worksteal
	$(BIN)/python -m pytest -m "jack and not slow"

test-all: check
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/.dev
	$(BIN)/python -m benchmarks

setup: .venv/.demo

.venv/.demo: $(SETUP) setup/system_packages.sh
	setup/system_packages.sh demo
	setup/venv.sh live
	touch $@

.venv/.dev: $(SETUP) setup/system_packages.sh
	setup/system_packages.sh test
	setup/venv.sh live,train,dev
	touch $@ .venv/.demo

clean:
	rm -rf .venv demo build *.egg-info
