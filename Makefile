# Everything a newcomer needs: `make run` starts the program, `make test` proves it.
# The virtual environment is made on first use and again whenever the dependencies change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Whatever PYTHONDONTWRITEBYTECODE says: compiling is a third of a start that has to do it.
COMPILE = $(BIN)/python -m compileall -q backend

.PHONY: run test openapi crash bench bench-quick bench-check bench-memory bench-growth token simulator lint format install clean help

.PHONY: simulate-worlds trace-world worlds-ci simulate-long kill-everywhere fault-map fuzz chaos schemathesis mutation

help:            ## list what can be made
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

run: $(VENV)/run.stamp  ## start the program in mock mode with an embedded store, on PORT (8001)
	@$(COMPILE)
	$(BIN)/backend run

token: $(VENV)/run.stamp  ## print a customer's token; ADMIN=1 for an operator's
	@$(BIN)/backend token $(if $(ADMIN),--admin)

simulator: $(VENV)/run.stamp  ## start the Cashflows simulator alone, on SIMULATOR_PORT (8002)
	$(BIN)/python -m backend.simulator

test: $(VENV)/dev.stamp  ## run every test
	@command -v node > /dev/null && $(BIN)/python -m tests.mongodb_engine.install || echo "MongoDB tests need Node.js or MONGODB_TEST_URL"
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

openapi: $(VENV)/dev.stamp  ## write docs/openapi.json anew, after a change of the API
	$(BIN)/python -m tests.api.openapi_snapshot

crash: $(VENV)/dev.stamp  ## kill writers and the database engine in mid-load; every acknowledged write must be there
	$(BIN)/python -m tests.contracts.crash --store sqlite --kills 20
	-$(BIN)/python -m tests.mongodb_engine.install
	$(BIN)/python -m tests.contracts.crash --store mongo --kills 20
	$(BIN)/python -m tests.contracts.crash --store mongo --victim engine --kills 20

bench: $(VENV)/dev.stamp  ## how fast is the program next to a bare one? (under 10 minutes); PUBLISH=1 for docs/bench/
	-$(BIN)/python -m tests.mongodb_engine.install
	$(BIN)/python -m tests.bench $(if $(PUBLISH),--publish)

bench-quick: $(VENV)/dev.stamp  ## the same, roughly, in under 2 minutes
	-$(BIN)/python -m tests.mongodb_engine.install
	$(BIN)/python -m tests.bench --quick

bench-check: $(VENV)/dev.stamp  ## has it become slower than the recorded baseline? (needs valgrind); RECORD=1 records one
	-$(BIN)/python -m tests.mongodb_engine.install
	$(BIN)/python -m tests.bench --quick
	$(BIN)/python -m tests.bench.check $(if $(RECORD),--record)

bench-memory: $(VENV)/dev.stamp  ## does the program stay as small over PAYMENTS=100000 payments? (some minutes)
	$(BIN)/python -m tests.bench.memory --payments $(or $(PAYMENTS),100000)

bench-growth: $(VENV)/dev.stamp  ## do the stores stay as fast when they have grown? (some minutes)
	$(BIN)/python -m tests.stores.growth --store sqlite --sizes 1000 100000 1000000
	-$(BIN)/python -m tests.mongodb_engine.install
	$(BIN)/python -m tests.stores.growth --store mongo --sizes 1000 100000 1000000

SIMULATION = $(BIN)/python -m tests.simulation.run

simulate-worlds: $(VENV)/dev.stamp  ## run simulated worlds: SEEDS=1000, or SEED= for one; MODE= and STORE= narrow it down, EVERYDAY=1 has no more faults than life
	$(SIMULATION) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --first $(or $(FIRST),1)) --mode $(or $(MODE),all) --store $(or $(STORE),mixed) $(if $(EVERYDAY),--everyday)

WORLDS ?= 10000
WORLDS_MINUTES ?= 11

trace-world: $(VENV)/dev.stamp  ## tell world SEED= write by write; MODE=all STORE=memory
	$(BIN)/python -m tests.simulation.trace $(SEED) --mode $(or $(MODE),all) --store $(or $(STORE),memory)

worlds-ci: $(VENV)/dev.stamp  ## what CI runs: WORLDS=10000 in all four modes on both stores, or what WORLDS_MINUTES=11 allow
	$(SIMULATION) --worlds $(WORLDS) --mode every --store mixed --minutes $(WORLDS_MINUTES)

kill-everywhere: $(VENV)/dev.stamp  ## kill -9 at every step of create, pay, webhook, capture, void, refund and notify, on both stores
	$(BIN)/python -m tests.simulation.kill_everywhere

fuzz: $(VENV)/dev.stamp  ## feed every parser MUTANTS=100000 damaged and EXAMPLES=10000 made-up inputs each, over a million in all; SEED=1
	MUTANTS=$(or $(MUTANTS),100000) EXAMPLES=$(or $(EXAMPLES),10000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -n 2 -q tests/hostile/test_parsers.py tests/hostile/test_damaged_inputs.py

chaos: $(VENV)/dev.stamp  ## kill, pause, starve and misdate real processes under load, then audit: MINUTES=2 STORE=sqlite|mongo SEED=1
	-$(if $(filter mongo,$(STORE)),$(BIN)/python -m tests.mongodb_engine.install)
	$(BIN)/python -m tests.chaos.run --store $(or $(STORE),sqlite) --minutes $(or $(MINUTES),2) --seed $(or $(SEED),1)

schemathesis: $(VENV)/dev.stamp  ## hold the running program to its description: EXAMPLES=100 an endpoint, for each kind of CALLER=
	$(BIN)/python -m tests.api.described.run --examples $(or $(EXAMPLES),100) $(if $(CALLER),--caller $(CALLER))

mutation: $(VENV)/mutation.stamp  ## do the tests notice when the program is changed? SUITE=domain|service|cashflows|simulator SAMPLE=300 (0: all) SEED=1 AGAIN=
	$(BIN)/python -m tests.mutation.run --suite $(or $(SUITE),service) --sample $(or $(SAMPLE),300) --seed $(or $(SEED),1) $(if $(AGAIN),--again)

stories: $(VENV)/dev.stamp  ## tell the application STORIES=1000 stories over HTTP, and the domain as many, each step held against a model
	STORIES=$(or $(STORIES),1000) $(BIN)/python -m pytest -n 2 -q tests/api/stories tests/domain/test_any_story.py

fault-map: $(VENV)/dev.stamp  ## print the fault catalogue with the test of each row
	@$(BIN)/python -m tests.test_fault_catalogue

simulate-long: $(VENV)/dev.stamp  ## hundreds of thousands of worlds in every mode; stop it any time, it goes on where it was
	@mkdir -p .cache
	$(SIMULATION) --seeds $(or $(SEEDS),500000) --mode every --store mixed --progress .cache/simulate-long.json $(if $(MINUTES),--minutes $(MINUTES))

lint: $(VENV)/dev.stamp  ## style and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp  ## rewrite to the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(VENV)/dev.stamp  ## make the virtual environment for development

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 run")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	$(COMPILE)
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/mutation.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	touch $@

clean:           ## remove the virtual environment and caches; data/ stays
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
