# Everything sets up what it needs in .venv. PYTHON=python3.12 make test takes another Python.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Tests wait for processes and disks as much as they compute: two at a time, on a thread each.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

.PHONY: demo test test-slow test-gpu lint format bench pictures samples clean

demo: $(READY)
	mkdir -p demo
	$(BIN)/framestyle samples/clip.mp4 samples/styles/swirl.jpg -o demo/clip.mp4 --preset draft --overwrite
	@echo "The dreamed and painted clip is demo/clip.mp4"

test: $(READY)
	$(PYTEST)

test-slow: $(READY)
	$(PYTEST) -m "not gpu" --timeout 1800

test-gpu: $(READY)
	$(BIN)/pytest -m gpu --timeout 300

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m benchmarks

pictures: $(READY)
	$(BIN)/python docs/make_pictures.py

samples: $(READY)
	$(BIN)/python samples/make_samples.py

clean:
	rm -rf $(VENV) demo

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $(READY)
