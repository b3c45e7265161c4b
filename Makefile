# make run    set up and start the app
# make test   set up and run every test
# make check  style and types
# make bench  side by side with what people would otherwise pick; needs redis-server

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench

run: .venv/installed
	$(BIN)/python app.py

test: .venv/installed-for-tests tests/javascript/node_modules
	@$(BIN)/python -m tests.chromium
	$(BIN)/python -m pytest

check: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-for-benchmarks
	$(BIN)/python -m benchmarks

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes some minutes, once.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-for-tests: .venv/bin/python requirements.txt requirements-dev.txt training/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes some minutes, once.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ .venv/installed

.venv/installed-for-benchmarks: .venv/bin/python requirements.txt benchmarks/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes some minutes, once.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@ .venv/installed

tests/javascript/node_modules: tests/javascript/package.json
	if command -v npm >/dev/null; then npm --prefix tests/javascript ci --no-audit --no-fund; fi
	mkdir -p $@
	touch $@
