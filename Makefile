# Two of these are the whole set-up: `make run` and `make test`. The rest are their parts.
SHELL := /bin/sh
PY := .venv/bin/python
WITH_SERVERS := $(PY) -m config.embedded run --

SCALE ?= small
ONLY ?=
export SCALE ONLY
ifdef PORT
export PORT
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test soak check bench real-year install assets translations services stop pins format

help: ## says what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

run: install assets ## everything in the foreground on http://127.0.0.1:8000, Ctrl-C stops it (PORT=8001 for another port)
	@exec $(PY) -m config.supervisor

test: install assets translations ## the whole suite, browser tests included (ARGS="-k points" for a part)
	@config/tools.sh
	@LIUSHUI_TESTING=true exec $(WITH_SERVERS) $(PY) -m pytest -n 2 --dist worksteal $(ARGS)

soak: install assets translations ## the long proofs at full size
	@LIUSHUI_TESTING=true SOAK=true exec $(WITH_SERVERS) $(PY) -m pytest -m soak $(ARGS)

check: install assets translations ## format, lint, types, import contracts, missing migrations and translations, deployment
	@exec $(PY) -m config.checks

bench: install assets translations ## benchmarks beside their limits (SCALE=full for the headline sizes, ONLY=P3 for one)
	@exec $(WITH_SERVERS) $(PY) -m bench --scale $(SCALE) $(if $(ONLY),--only $(ONLY))

real-year: install ## a real retailer's year, day by day; writes var/real-year.json
	@exec $(WITH_SERVERS) $(PY) -m bench.real_year

install: ## the virtual environment with every package
	@config/install.sh

assets: install ## the front-end assets, if their sources changed
	@$(PY) -m config.assets

translations: install ## compiles the catalogues of locale/
	@$(PY) -m config.translations

services: install ## the embedded PostgreSQL and broker in the background, until make stop
	@$(PY) -m config.embedded start

stop: install ## stops what make services or a killed make run left
	@$(PY) -m config.supervisor --reap
	@$(PY) -m config.embedded stop

pins: install ## renews requirements.txt from requirements.in, and the front-end lock file
	@UV_SYSTEM_CERTS=1 $(PY) -m uv pip compile -q --upgrade --universal --python-version 3.11 --no-header --no-emit-index-url requirements.in -o requirements.txt
	@npm update --package-lock-only

format: install ## formats the code and the templates' Python
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .
