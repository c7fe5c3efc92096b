# The tools of .venv where there is one (./setup.sh test makes it), else those on the PATH.
BIN := $(if $(wildcard .venv/bin/python),.venv/bin/)
SCRIPTS := setup.sh .ci/run .githooks/pre-commit $(wildcard systemd/*.sh docs/*/*.sh tests/*/*.sh tests/*/*/*.sh)
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=
HOURS ?= 1
SOAK_ARGS ?=
WEB_ARGS ?=
PAGES_ARGS ?=
FLOOD_ARGS ?=
CAPTURE_ARGS ?=
SHADOW_ARGS ?=
REVIEW_ARGS ?=
UPDATE_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help check lint test faults virtual-pi home-assistant bench fuzz soak bench-web bench-pages bench-flood bench-capture bench-shadow bench-review bench-teach bench-update lock audit docs docs-pages demo format hooks clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

check: lint test ## everything that must pass before a commit lands: lint, then test

lint: ## ruff (format and lint), mypy --strict, import-linter, shellcheck
	$(BIN)ruff format --check .
	$(BIN)ruff check .
	$(BIN)mypy
	$(BIN)lint-imports
	shellcheck $(SCRIPTS)

test: ## pytest; choose with PYTEST_ARGS="-k presence" or "-m 'not slow'"
	$(BIN)python -m pytest $(PYTEST_ARGS)

faults: ## what a bin survives: camera, flap, hand, model, disk, broker, clock, heat (docs/FAULTS.md)
	$(BIN)python -m pytest tests/faults $(PYTEST_ARGS)

virtual-pi: ## as root: install on an emulated arm64 machine, kill it, cut its power (docs/VIRTUAL-PI.md)
	SMARTBIN_VIRTUAL_PI=1 $(BIN)python -m pytest tests/virtual_pi $(PYTEST_ARGS)

home-assistant: ## as root: install Home Assistant and put a bin's discovery to it (docs/dashboards)
	SMARTBIN_HOME_ASSISTANT=1 $(BIN)python -m pytest tests/home_assistant $(PYTEST_ARGS)

bench: ## loop, start, memory, the model in every runtime; e.g. BENCH_ARGS="--runs 20"
	$(BIN)python tests/bench/bench.py $(BENCH_ARGS)

fuzz: ## 100,000 damaged inputs: commands, configuration, model.json, images; e.g. FUZZ_ARGS="--count 1000"
	$(BIN)python tests/security/fuzzing.py $(FUZZ_ARGS)

soak: ## sort for HOURS=1 at many times real speed while things go wrong; e.g. SOAK_ARGS="--kills --seed 7"
	$(BIN)python tests/soak/soak.py --hours $(HOURS) $(SOAK_ARGS)

bench-web: ## what the page costs the sorting, and the API against Flask and Keras; e.g. WEB_ARGS="--items 12"
	$(BIN)python tests/bench/web.py $(WEB_ARGS)

bench-pages: ## how soon each page is there in Chromium, and its size; e.g. PAGES_ARGS="--loads 30"
	$(BIN)python tests/bench/pages.py $(PAGES_ARGS)

bench-flood: ## 10,000 connections at once and 2,000 slow ones against the API and a bin's page; e.g. FLOOD_ARGS="--items 6"
	$(BIN)python tests/bench/flood.py $(FLOOD_ARGS)

bench-capture: ## what keeping items costs the sorting, and its quota over 100,000; e.g. CAPTURE_ARGS="--only quota"
	$(BIN)python tests/bench/capture.py $(CAPTURE_ARGS)

bench-shadow: ## what a new model in shadow costs the sorting; e.g. SHADOW_ARGS="--pace fast --rounds 8"
	$(BIN)python tests/bench/shadow.py $(SHADOW_ARGS)

bench-review: ## kept items a minute that the page lets somebody label, by keys alone; e.g. REVIEW_ARGS="--kept 50000"
	$(BIN)python tests/bench/review.py $(REVIEW_ARGS)

bench-teach: ## time and memory of a lesson, size of bank and head; e.g. TEACH_ARGS="--items 2000"
	$(BIN)python tests/bench/teaching.py $(TEACH_ARGS)

bench-update: ## the power is cut 100 times in the middle of a model's update; e.g. UPDATE_ARGS="--kills 1000"
	$(BIN)python tests/bench/update.py $(UPDATE_ARGS)

lock: ## write what `setup.sh install` takes: every version and hash (systemd/requirements-*.txt)
	$(BIN)python systemd/lock.py

audit: ## known weaknesses of the pinned packages; fails where no database of them answers (systemd/accepted.toml)
	$(BIN)python systemd/audit.py

docs: ## the documentation as a site: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)python -m mkdocs build --strict --quiet

docs-pages: ## write what is made from the code: docs/reference, docs/mqtt (JSON Schema, AsyncAPI), docs/wiring
	$(BIN)python docs/wiring/make_wiring.py
	$(BIN)python docs/mqtt/write.py
	$(BIN)python docs/reference/write.py

demo: ## a simulated bin at work
	./setup.sh demo

format: ## let ruff format and fix what it can
	$(BIN)ruff format .
	$(BIN)ruff check --fix .

hooks: ## run lint before every git commit
	git config core.hooksPath .githooks

clean: ## remove what the tools left behind, .venv too
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find edge convert tests -name __pycache__ -type d -prune -exec rm -rf {} +
