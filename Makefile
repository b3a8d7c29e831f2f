# Every target sets up what it needs, once. CI and people call the same targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Without an NVIDIA driver the CPU build of PyTorch is enough, and 20 times smaller.
CPU_INDEX := --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15
TORCH_FLAGS := $(shell command -v nvidia-smi >/dev/null || echo '$(CPU_INDEX)')

.PHONY: setup demo demo-pixels test test-learn test-slow test-interop test-foreign test-gym test-mjlab test-isaaclab test-page test-mutants test-gpu check format bench docs pictures pictures-page build release clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch $(TORCH_FLAGS)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)  ## FetchPush from sparse rewards, live, with a video at the end
	$(BIN)/puck train push --budget.until-success 0.95

demo-pixels: $(READY)  ## the same from a camera, with what it sees; a quarter of an hour
	$(BIN)/puck train push-pixels --stop auto

# Two processes for two cores. A file's tests stay in one process: what they share (a run
# of two processes, the scored corpus) is made once. All tests take 380 s of CPU time; put on
# two cores file by file, the longer half takes 200 s. Empty caches add 15 s, of mujoco_warp.
TEST_WORKERS ?= 2

test: $(READY)  ## everything fast
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile

test-learn: $(READY)  ## half an hour: trains until it must have learned
	$(BIN)/pytest -m learn

test-slow: $(READY)  ## torch's compiler, mujoco_warp on the CPU, 200 kills, 2,000 command lines: half an hour
	$(BIN)/pytest -m 'slow and not gpu'

LEROBOT := .venv-lerobot
# LeRobot wants Python 3.12 or later, and older versions of torch and numpy than ours
LEROBOT_PYTHON ?= python3.12

test-interop: $(READY) $(LEROBOT)/.ready  ## other people's libraries: Gymnasium, SB3, torchrl, Minari, LeRobot
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,interop]' $(TORCH_FLAGS)
	$(BIN)/pytest tests/interop -m 'not learn and not gpu'

$(LEROBOT)/.ready:
	if command -v $(LEROBOT_PYTHON) >/dev/null; then \
	  $(LEROBOT_PYTHON) -m venv $(LEROBOT) && \
	  $(LEROBOT)/bin/python -m pip install --quiet lerobot==0.6.1 $(TORCH_FLAGS); \
	else mkdir -p $(LEROBOT) && echo "no $(LEROBOT_PYTHON): LeRobot's test is skipped"; fi
	touch $@

FOREIGN := .venv-foreign

# Gymnasium, mjlab and Isaac Lab pin versions of mujoco that exclude each other.
test-foreign: test-gym test-mjlab test-isaaclab  ## environments that are not ours, each in a virtual environment of its own

test-gym: $(FOREIGN)/.ready
	$(FOREIGN)/bin/pytest -m foreign

test-mjlab: $(FOREIGN)-mjlab/.ready
	$(FOREIGN)-mjlab/bin/pytest -m mjlab tests/envs/test_mjlab.py

test-isaaclab: $(FOREIGN)-isaaclab/.ready
	OMNI_KIT_ACCEPT_EULA=YES $(FOREIGN)-isaaclab/bin/pytest -m isaaclab tests/envs/test_isaaclab.py

$(FOREIGN)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(FOREIGN)
	$(FOREIGN)/bin/python -m pip install --quiet -c constraints.txt torch $(TORCH_FLAGS)
	$(FOREIGN)/bin/python -m pip install --quiet -c constraints.txt -e '.[dev,gym,panda]'
	touch $@

$(FOREIGN)-mjlab/.ready: pyproject.toml
	$(PYTHON) -m venv $(FOREIGN)-mjlab
	$(FOREIGN)-mjlab/bin/python -m pip install --quiet 'torch>=2.11' $(TORCH_FLAGS)
	$(FOREIGN)-mjlab/bin/python -m pip install --quiet -e '.[mjlab]' pytest hypothesis
	touch $@

# Of Isaac Lab's 60 dependencies, training in environments with Newton's physics needs these.
PYTHON312 ?= python3.12
$(FOREIGN)-isaaclab/.ready: pyproject.toml tools/isaaclab.txt
	$(PYTHON312) -m venv $(FOREIGN)-isaaclab
	$(FOREIGN)-isaaclab/bin/python -m pip install --quiet torch==2.11.0 $(TORCH_FLAGS)
	$(FOREIGN)-isaaclab/bin/python -m pip install --quiet --no-deps -r tools/isaaclab.txt
	$(FOREIGN)-isaaclab/bin/python -m pip install --quiet -e . pytest hypothesis
	touch $@

test-page: $(READY)  ## the page of puck watch in Chromium: the system's, else playwright's own
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,page]' $(TORCH_FLAGS)
	command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/playwright install --with-deps chromium
	$(BIN)/pytest -m page tests/page

test-mutants: $(READY)  ## faults put into a copy of the source, one at a time: do tests notice?
	$(BIN)/python -m tests.mutants

test-gpu: $(READY)
	$(BIN)/pytest -m gpu

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/typos

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## ratios side by side; tables go to results/
	$(BIN)/python benchmarks/bench_sim.py
	$(BIN)/python benchmarks/bench_replay.py

docs: $(READY)  ## regenerates what is generated, builds the site docs/_site; a warning is an error
	$(BIN)/python -c "from puckrl.monitor.glossary import markdown; print(markdown(), end='')" > docs/metrics.md
	git diff --exit-code docs/metrics.md
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_site

pictures: $(READY)  ## draws the live panel and a verdict as SVG, from a committed log
	$(BIN)/python docs/pictures.py

pictures-page: $(READY)  ## draws the page of puck watch as PNG, in Chromium
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,page]' $(TORCH_FLAGS)
	$(BIN)/python docs/page_pictures.py

build: $(READY)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

release: $(READY)  ## builds the wheel, checks it in an empty environment, writes the notes; publishes nothing
	$(BIN)/python tools/release.py

clean:
	rm -rf $(VENV) dist docs/_site .pytest_cache .ruff_cache .import_linter_cache
