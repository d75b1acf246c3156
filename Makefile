# Two commands do all the set-up on a fresh machine with Python 3.11 and make: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

run: .venv/installed
	$(BIN)/streamlit run streamlit_app.py

test: .venv/installed-dev chromium
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
	$(BIN)/python -m pytest

# What a change needs while it is being written: no slow tests, no browser.
quick: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/python -m pytest -m "not slow and not browser"

.venv/installed: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch .venv/installed $@

# The browser tests need Debian's chromium. Without it, and without the right to install it, they are skipped with a
# message; HANDFUL_BROWSER=required makes that an error.
chromium:
	@command -v chromium >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; } \
		|| echo "chromium is missing and cannot be installed here: the browser tests will be skipped." \
			"Install it with: sudo apt-get install chromium"

.PHONY: run test quick chromium
