# Two commands do everything on a fresh machine with Python 3.11+, make and git: make demo, make test.
PYTHON ?= python3
BIN := .venv/bin
# Most tests wait for processes; a file's tests stay together, for they may share the nodes they need.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: demo test check conformance bench sim soak lock docs clean

demo: .venv/ready          ## Run the main job: three organisations plan together.
	@$(BIN)/covey demo

test: .venv/ready          ## Run the tests.
	@$(PYTEST)

check: .venv/ready         ## Run what a change must pass: style, types, tests.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy actors bus cli messages node store bench
	@$(PYTEST)

bench: .venv/bench         ## Measure: a table and a JSON line each.
	@$(BIN)/python -m bench

soak: .venv/ready          ## Run many more simulated schedules, faults, hostile jobs and drawn cases.
	@COVEY_SIM_SCHEDULES=5000 COVEY_SOAK=1 $(BIN)/python -m pytest -x tests/sim tests/fault tests/jobs tests/flags \
		tests/executables tests/routines tests/actors tests/flow

sim: .venv/ready           ## Replay one schedule: make sim SEED=17 (BUG=name plants a bug; OF=unfreezes, runs, jobs or routines is of those).
	@$(BIN)/python -m tests.sim $(OF) $(SEED) $(BUG)

conformance: .venv/ready   ## Play the conformance kit of the language of definitions; write docs/conformance.md.
	@$(BIN)/python -m tests.conformance.report
	@$(BIN)/python -m pytest -q tests/conformance

docs: .venv/ready          ## Write the generated part of the documentation again.
	@$(BIN)/covey schema --markdown > docs/wire.new
	@mv docs/wire.new docs/wire.md
	@{ sed '/^<!-- What follows/q' docs/ephemeral.md; echo; $(BIN)/covey schema --tables; } > docs/ephemeral.new
	@mv docs/ephemeral.new docs/ephemeral.md
	@{ sed '/^<!-- What follows/q' docs/rights.md; echo; $(BIN)/covey rights table; } > docs/rights.new
	@mv docs/rights.new docs/rights.md

lock: .venv/ready          ## Write the versions at hand into the lock file.
	@$(BIN)/pip freeze --exclude-editable | grep -iv '^covey' > requirements-dev.lock

.venv/ready: pyproject.toml requirements-dev.lock
	@test -d .venv || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/bench: .venv/ready bench/requirements.txt bench/restate/package.json
	@$(BIN)/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@! command -v npm > /dev/null || npm install --prefix bench/restate --no-package-lock --no-audit --no-fund --silent
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
