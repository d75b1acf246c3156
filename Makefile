# Two commands do all the set-up on a fresh machine with Python 3.11 and make: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Works for root on Debian, and fails quietly elsewhere.
APT := [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends

run: .venv/installed
	$(BIN)/streamlit run streamlit_app.py

# Trainings run at niceness 15, and beside tests that are less nice they would starve.
test: .venv/installed-dev chromium
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
	nice -n 15 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15

# What a change needs while it is being written: no slow tests, no browser.
quick: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/python -m pytest -m "not slow and not browser"

# Put new texts into the translation catalogue, for a person to translate.
words: .venv/installed
	$(BIN)/python -m ui.i18n

# Debian packs venv apart from Python.
.venv/bin/python:
	$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv; $(APT) python3-venv >/dev/null && $(PYTHON) -m venv .venv; } \
		|| { echo "Python cannot make a virtual environment here. Run: sudo apt-get install python3-venv"; exit 1; }

.venv/installed: .venv/bin/python requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: .venv/bin/python requirements.txt requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch .venv/installed $@

# The browser tests need Debian's chromium. Without it, and without the right to install it, they are skipped with a
# message; HANDFUL_BROWSER=required makes that an error.
chromium:
	@command -v chromium >/dev/null \
		|| { $(APT) chromium fonts-noto-cjk >/dev/null; } \
		|| echo "chromium is missing and cannot be installed here: the browser tests will be skipped." \
			"Install it with: sudo apt-get install chromium"

.PHONY: run test quick words chromium
