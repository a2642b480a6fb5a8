# Every habit of this project. `make up` and `make test` do all their set-up themselves.

STACK ?= dev
FORM ?= host
MINUTES ?= 60
PYTHON ?= python3
SHELL := /bin/sh
# A plain sh passes no arguments to a sourced file: it sees the positional parameters.
RUN = set -e; set -- $(STACK); . ./activate

.DEFAULT_GOAL := help
.PHONY: help bootstrap images up status env prod-init destroy erase remove-leftovers docs previews picture lint test test-unit test-full soak readme bench

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

bootstrap: ## install what is missing: engine, packages, Pulumi, state, images
	@$(PYTHON) -m bootstrap --stack $(STACK) $(BOOTSTRAP)

images: ## build the images that are missing (only where they are built from packages)
	@$(PYTHON) -m bootstrap --stack $(STACK)

up: bootstrap ## bring the stack up, initialized and verified, and print where it is
	@$(RUN); python -m ops.up --stack $(STACK) && python -m ops.cli status --wait --stack $(STACK)

status: ## print every server's state
	@$(RUN); python -m ops.cli status --stack $(STACK)

env: ## write the application's variables to .env (FORM=host or FORM=network)
	@$(RUN); python -m ops.environment_file --stack $(STACK) --form $(FORM)

prod-init: ## make the production stack: a passphrase outside the checkout, and the salt to commit
	@$(PYTHON) -m bootstrap --stack prod --no-images

destroy: ## remove a stack's containers and networks; data, passwords and keys stay, and make up takes them over
	@$(RUN); python -m ops.cli destroy --stack $(STACK)

erase: ## remove a stack with all its data; its name has to be typed (STACK=prod)
	@$(RUN); python -m ops.erase --stack $(STACK) $(if $(CONFIRM),--confirm $(CONFIRM))

remove-leftovers: ## consent to removing labelled resources whose state is lost
	@$(PYTHON) -m bootstrap --stack $(STACK) --no-images --remove-leftovers

docs: ## write the pages that are made from the code
	@$(RUN); python -m ops.cli config --markdown > docs/configuration.md
	@$(RUN); python -m policy.page > docs/policy.md
	@$(RUN); python -m ops.security_page

previews: ## record the previews that docs/preview.md shows, from a stack of their own
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m tests.previews

picture: ## draw the README's picture from the running stack
	@$(RUN); python -m ops.picture --stack $(STACK)

lint: ## ruff, mypy, shellcheck, hadolint, zizmor
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev --no-images
	@$(RUN); ruff check . && ruff format --check . && mypy && \
	  shellcheck -x activate karen .ci/run $$(git grep -lE '^#!.*sh' -- images) && \
	  hadolint --failure-threshold warning images/*/Dockerfile toolchain/Dockerfile && \
	  zizmor --offline --quiet .github/workflows

test: ## every test, from a machine with nothing installed
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m pytest -n auto tests/unit && python -m pytest --durations=40 tests/contract tests/e2e

test-unit: ## the tests that need no engine
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev --no-images
	@$(RUN); python -m pytest tests/unit

test-full: ## every test with the full counts of repeated trials
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m pytest -m "full or not full"

soak: ## an hour under load, with a look at the monitor's memory and punctuality (MINUTES=60)
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m tests.soak --minutes $(MINUTES)

readme: ## run every command of the README in a fresh clone (needs dev and prod to be down)
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m tests.readme

bench: ## ratios against peers, measured in one run
	@$(PYTHON) -m bootstrap --stack $(STACK) --dev
	@$(RUN); python -m bench
