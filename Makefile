# Two commands: `make demo` opens the tour, `make test` runs every test. Each brings what it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Processes of `make test`: most tests wait for others. Each file of tests stays in one of them; tests/conftest.py says which
# files begin.
WORKERS ?= 2
ROOT_OPTION := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

# Hundreds of processes import azureml-core, which takes 0.8 s of a processor with bytecode beside it and 2.8 s without.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test unit lint types sandbox notebooks browser bench release soak clean host

demo: $(STAMP)
	@$(BIN)/amlwidgets sandbox start
	@echo "The tour opens in your browser; if it does not, open the last address below. Ctrl-C ends JupyterLab."
	@$(BIN)/jupyter lab $(ROOT_OPTION) --log-level=WARN --LabApp.default_url=/lab/tree/notebooks/00_tour.ipynb

# The order is from quick to slow, so that a mistake shows early.
test: $(STAMP) host lint types
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=25

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check amlwidgets tests benchmarks

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/python -m pytest -q -m "not sandbox and not docker and not browser and not network"

sandbox: $(STAMP)
	$(BIN)/python -m pytest -q -m "(sandbox or network) and not long"

browser: $(STAMP) host
	$(BIN)/python -m pytest -q -m "browser and not long"

# dist/: sdist, wheel, the list of what the wheel brings (sbom.json), its licences; known vulnerabilities are told.
release: $(STAMP)
	$(BIN)/python tests/release.py dist

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Options: make soak SOAK="--polls 100000 --kills 20 --seed 1"
soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak $(SOAK)
	$(BIN)/python -m pytest -q -m long

# Chromium and a Docker engine from Debian's packages, where that is possible; says what is missing where not.
host:
	@sh tests/host.sh

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed (command $(PYTHON)); set PYTHON=… to its path."; exit 1; }
	@# Debian keeps venv in a package of its own.
	@$(PYTHON) -m venv $(VENV) || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	@echo "Installing into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --upgrade pip uv
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --editable '.[tour]' --group dev
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --only-binary hyperscan --editable '.[fast]' 2>/dev/null \
	    || echo "The extra “fast” has no wheel for this machine; tests of the second engine are skipped."
	@touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache dist
