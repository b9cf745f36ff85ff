# The two commands of the README: make run, make test.
.PHONY: run test install install-test lint check bench clean

PORT ?= 8000

run: install
	.venv/bin/twin demo --port $(PORT)

install:
	@bash .ci/install-system run
	@bash .ci/install-python

install-test:
	@bash .ci/install-for-tests

test: install-test lint
	.venv/bin/pytest -q -n 3 --dist loadgroup --durations=15

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-logo
	.venv/bin/mypy -n auto

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
