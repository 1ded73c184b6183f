# Every target sets itself up: uv (taken from the path, or installed into .uv/ with pip), the locked environment, and
# where Maven is, the jars of Apache Kafka.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen
# the broker of demo and bench: embedded, or apache
KAFKA ?= embedded
JARS := deploy/kafka/jars/complete
ASYNCAPI := tests/contract/asyncapi/node_modules/complete
# tests wait more than they work
PROCESSES ?= 3
NO_BROKER := --ignore tests/contract/test_broker.py --ignore tests/contract/test_partitioners.py

.DEFAULT_GOAL := help
.PHONY: help demo test check kafka tested-kafka contracts tested-contracts attacks mutants programme indicators bench clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

demo: $(UV) $(if $(filter apache,$(KAFKA)),kafka) ## Everything on this machine with a simulated health system (KAFKA=apache, ARGS="--seed 3")
	$(RUN) wardpulse demo --kafka $(KAFKA) $(ARGS)

test: check tested-kafka tested-contracts ## The whole gate: check, every test, and once more in another time zone
	$(RUN) pytest --numprocesses $(PROCESSES) --dist loadgroup $(ARGS)
	TZ=Asia/Kathmandu $(RUN) pytest --numprocesses $(PROCESSES) --quiet tests/unit tests/contract $(NO_BROKER)

check: $(UV) ## Formatting, lint and types
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

mutants: $(UV) ## Known ways to break the promise and what notices each: the table of docs/privacy.md
	$(RUN) python -m tests.mutants

kafka: $(JARS) ## The jars of Apache Kafka, with Maven; running it needs a Java runtime of version 17 or later

$(JARS): deploy/kafka/pom.xml
	rm -rf $(@D)
	mvn --batch-mode --quiet --strict-checksums --file $< dependency:copy-dependencies
	touch $@

# a laptop without Maven skips the tests on Apache Kafka, and says so; with CI=true they fail
tested-kafka:
	@$(MAKE) --no-print-directory kafka || echo "no Apache Kafka here: its tests are skipped, or fail with CI=true"

contracts: $(ASYNCAPI) ## AsyncAPI's own parser for the tests of the contract, with Node.js and npm

$(ASYNCAPI): tests/contract/asyncapi/package-lock.json
	npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --silent
	touch $@

# as with Maven: a laptop without npm skips what needs it, and says so; with CI=true it fails
tested-contracts:
	@$(MAKE) --no-print-directory contracts || echo "no npm here: the tests with AsyncAPI's parser are skipped, or fail with CI=true"

attacks: $(UV) ## The disclosure attacks; writes their table into docs/privacy.md
	$(RUN) python -m tests.attacks

programme: $(UV) ## The tables of docs/programme.md, from wardpulse plan
	$(RUN) python -m tests.programme

indicators: $(UV) ## The tables of docs/indicators.md, from simulated units (a minute)
	$(RUN) python -m tests.indicator_page

bench: $(UV) $(if $(filter apache,$(KAFKA)),kafka) ## The benchmarks (KAFKA=apache); each ends with RESULT lines
	$(RUN) python -m benchmarks.steps
	$(RUN) python -m benchmarks.audit
	$(RUN) python -m benchmarks.plan
	$(RUN) python -m benchmarks.indicators
	$(RUN) python -m benchmarks.sources
	$(RUN) python -m benchmarks.live --kafka $(KAFKA)
	$(RUN) python -m benchmarks.consume --kafka $(KAFKA)
	$(if $(filter apache,$(KAFKA)),$(RUN) python -m benchmarks.restart)

clean: ## Remove the environment and what trials left behind
	rm -rf .venv .uv deploy/kafka/jars tests/contract/asyncapi/node_modules wardpulse-data .pytest_cache .mypy_cache .ruff_cache .hypothesis

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet "uv>=0.5"
