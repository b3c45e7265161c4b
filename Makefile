# make run    set up and start the app
# make cluster              set up and start the app with a cluster that other machines can join
# make helper HEAD=ADDRESS  set up and let this machine help the cluster of another one
# make test   set up and run all tests
# make check  style, types and the structure of the package
# make bench  compare the app with alternatives; needs redis-server
# make test-gradio GRADIO=6.32.0   run the tests of gradio_internals with another Gradio

PYTHON ?= python3
BIN := .venv/bin

TESTS_AT_ONCE ?= 2
CLUSTER_PORT ?= 6379
# Tests that start clusters of their own, which need all processors.
CLUSTERS := $(addprefix tests/inference/cluster/,test_faults.py test_ray_service.py test_two_machines.py)

.PHONY: run cluster helper test check bench test-gradio

run: .venv/installed
	$(BIN)/python app.py

cluster: .venv/installed-for-cluster
	@$(BIN)/ray get-auth-token --generate >/dev/null 2>&1
	@RAY_AUTH_MODE=token $(BIN)/ray start --head --port=$(CLUSTER_PORT) --include-dashboard=false \
	    --disable-usage-stats >/dev/null
	@echo 'On each machine that helps:'
	@echo "RAY_AUTH_TOKEN=$$($(BIN)/ray get-auth-token 2>/dev/null) make helper HEAD=$$(hostname -I | cut -d ' ' -f 1)"
	@trap : INT; CLASSIFIER_CLUSTER=auto $(BIN)/python app.py; $(BIN)/ray stop >/dev/null

helper: .venv/installed-for-cluster
	@test -n "$(HEAD)" -a -n "$$RAY_AUTH_TOKEN" || \
	    (echo 'Use the command that make cluster prints on the other machine.'; exit 1)
	RAY_AUTH_MODE=token $(BIN)/ray start --address=$(HEAD):$(CLUSTER_PORT) --block --disable-usage-stats

test: .venv/installed-for-tests tests/javascript/node_modules
	@$(BIN)/python -m tests.support.chromium
	$(BIN)/python -m pytest --numprocesses $(TESTS_AT_ONCE) $(CLUSTERS:%=--ignore=%)
	$(BIN)/python -m pytest --cluster local tests/endpoints $(CLUSTERS)

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

.venv/installed-for-cluster: .venv/bin/python requirements.txt requirements-cluster.txt
	@echo 'Installing about 6 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	touch $@ .venv/installed

.venv/installed-for-tests: .venv/bin/python requirements.txt requirements-dev.txt \
    requirements-cluster.txt training/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ .venv/installed .venv/installed-for-cluster

.venv/installed-for-benchmarks: .venv/bin/python requirements.txt benchmarks/requirements.txt
	@echo 'Installing about 5.5 GB, most of it torch; this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@ .venv/installed

tests/javascript/node_modules: tests/javascript/package.json
	if command -v npm >/dev/null; then npm --prefix tests/javascript ci --no-audit --no-fund; fi
	mkdir -p $@
	touch $@
