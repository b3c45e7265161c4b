# make run    set up and start the app
# make test   set up and run all tests
# make check  style, types and the structure of the package
# make bench  compare the app with alternatives; needs redis-server
# make test-gradio GRADIO=6.32.0   run the tests of gradio_internals with another Gradio

PYTHON ?= python3
BIN := .venv/bin

TESTS_AT_ONCE ?= 2

.PHONY: run test check bench test-gradio

run: .venv/installed
	$(BIN)/python app.py

test: .venv/installed-for-tests tests/javascript/node_modules
	@$(BIN)/python -m tests.support.chromium
	$(BIN)/python -m pytest --numprocesses $(TESTS_AT_ONCE)

check: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A second environment sees the packages of the first one, except for Gradio's.
test-gradio: .venv/installed-for-tests
	@test -n "$(GRADIO)" || (echo 'Name a version: make test-gradio GRADIO=6.32.0'; exit 1)
	$(BIN)/python -m venv --clear .venv/gradio-$(GRADIO)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	    > "$$(.venv/gradio-$(GRADIO)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/app.pth"
	.venv/gradio-$(GRADIO)/bin/python -m pip install --quiet --disable-pip-version-check \
	    'gradio==$(GRADIO)'
	.venv/gradio-$(GRADIO)/bin/python -m pytest tests/gradio_internals -p no:cacheprovider

bench: .venv/installed-for-benchmarks
	$(BIN)/python -m benchmarks

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is required: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-for-tests: .venv/bin/python requirements.txt requirements-cluster.txt requirements-dev.txt training/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ .venv/installed

.venv/installed-for-benchmarks: .venv/bin/python requirements.txt benchmarks/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@ .venv/installed

tests/javascript/node_modules: tests/javascript/package.json
	if command -v npm >/dev/null; then npm --prefix tests/javascript ci --no-audit --no-fund; fi
	mkdir -p $@
	touch $@
