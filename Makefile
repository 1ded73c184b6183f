# Every target sets itself up: uv (taken from the path, or installed into .uv/ with pip) and the locked environment.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen

.DEFAULT_GOAL := help
.PHONY: help demo test check bench clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

demo: $(UV) ## Run everything on this machine with a simulated health system (ARGS="--seed 3" and so on)
	$(RUN) wardpulse demo $(ARGS)

test: check ## The whole gate: check, every test, and once more in another time zone
	$(RUN) pytest $(ARGS)
	TZ=Asia/Kathmandu $(RUN) pytest --quiet tests/unit tests/contract

check: $(UV) ## Formatting, lint and types
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

bench: $(UV) ## The benchmarks; each ends with RESULT lines
	$(RUN) python -m benchmarks.steps
	$(RUN) python -m benchmarks.live

clean: ## Remove the environment and what trials left behind
	rm -rf .venv .uv wardpulse-data .pytest_cache .mypy_cache .ruff_cache .hypothesis

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet "uv>=0.5"
