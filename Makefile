# `make run` and `make test` do all the set-up on a fresh machine with Python 3.11 and make.
PYTHON ?= python3
BIN := .venv/bin
# Exact versions for Python 3.11 on Linux x86-64. Elsewhere, where one may be missing: make run LOCK=/dev/null
LOCK ?= requirements.lock
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint $(LOCK)
# Works for root on Debian, and fails quietly elsewhere.
APT := [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends

run: .venv/installed
	$(BIN)/streamlit run streamlit_app.py

# Training runs at niceness 15, so tests that are less nice would starve it.
test: lint chromium
	nice -n 15 $(BIN)/python -m slipcover -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15

# For use while editing: no slow tests, no browser.
quick: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/python -m pytest -m "not slow and not browser"

lint: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/mypy
	$(BIN)/hadolint Dockerfile && $(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

# Add new texts to the translation catalogue, for a person to translate.
words: .venv/installed
	$(BIN)/python -m ui.i18n

# Install the newest versions that the requirements allow and write them down. Then run the tests.
lock:
	rm -rf .venv
	$(MAKE) .venv/installed-dev LOCK=/dev/null
	$(BIN)/pip freeze > requirements.lock
	touch .venv/installed .venv/installed-dev

# Debian packages venv separately from Python.
.venv/bin/python:
	$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv; $(APT) python3-venv >/dev/null && $(PYTHON) -m venv .venv; } \
		|| { echo "Python cannot make a virtual environment here. Run: sudo apt-get install python3-venv"; exit 1; }

.venv/installed: .venv/bin/python requirements.txt requirements.lock
	$(PIP) -r requirements.txt
	touch $@

.venv/installed-dev: .venv/bin/python requirements.txt requirements-dev.txt requirements.lock
	$(PIP) -r requirements.txt -r requirements-dev.txt
	touch .venv/installed $@

# The browser tests need Debian's chromium. If it is missing and cannot be installed, they are skipped with a message;
# HANDFUL_BROWSER=required makes that an error.
chromium:
	@command -v chromium >/dev/null \
		|| { $(APT) chromium fonts-noto-cjk >/dev/null; } \
		|| echo "chromium is missing and cannot be installed here: the browser tests will be skipped." \
			"Install it with: sudo apt-get install chromium"

.PHONY: run test quick lint words lock chromium
