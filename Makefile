# The two commands a newcomer needs are `make dev` and `make test`; each brings what it lacks into .local/.
# `exec`, so that a signal to make reaches the program and not a shell in between.

.PHONY: help dev demo reset test soak coverage sqlx

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

dev: ## Serve the product, with everything it needs, on port 9000 (make dev PORT=9001 for another)
	@exec python3 scripts/dev.py

demo: ## Play one approval from request to record against `make dev`
	@exec scripts/demo.sh

reset: ## Throw away the data, keys and passwords of `make dev`
	@exec python3 scripts/dev.py --reset

test: ## Run every check that CI runs, on private servers
	@exec python3 scripts/test.py

coverage: ## Say how much of the product's code the tests execute; fails below 85 %
	@exec nice scripts/coverage.sh

soak: ## Run the heavy tests at length: races, faults, Schemathesis and libFuzzer, with other chances each time
	@exec scripts/soak.sh

sqlx: ## Regenerate .sqlx after a query or a migration has changed
	@exec scripts/sqlx-prepare.sh
