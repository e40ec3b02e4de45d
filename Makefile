# Each recipe is a line that can be typed as it stands. `make` alone lists the targets.

# The Python that .venv is made with: any of 3.11 or later. Unset, scripts/setup.sh looks for one.
PYTHON ?=
# A YAML file of settings (make build VARS=my_shop.yml), further arguments of dbt (ARGS="--select marts") and of pytest.
VARS ?=
ARGS ?=
PYTEST_ARGS ?=
# Numbers of customers that `make bench` measures.
SIZES ?= 620,10000,100000
# REBUILD=1 moves the warehouse aside and builds a new one. TO=3 names the publication that `make rollback` goes back to.
REBUILD ?=
TO ?=

# dbt reads the profile of this folder, whatever else the machine has, and tells nobody.
export PYTHON
export DBT_PROFILES_DIR = .
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export DO_NOT_TRACK = 1

need_vars = test -z "$(VARS)" || test -f "$(VARS)" || { echo "VARS must name a YAML file of settings; there is no file $(VARS)." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-spark build build-spark score publish rollback publications test test-fast test-faults test-report test-spark lint format report pictures docs architecture example-cdnow example-cdnow-history example-complete-journey lock licences audit bench clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-26s %s\n", $$1, $$2}' Makefile

setup:  ## Make .venv with what a build needs; nothing happens when it is there
	@sh scripts/setup.sh run

setup-dev:  ## The same with what the tests, the guards and the examples need
	@sh scripts/setup.sh dev

setup-spark:  ## Make .venv-spark with Apache Spark (500 MB); it needs Java 17 or later to run
	@sh scripts/setup.sh spark

build: setup  ## Build the segments and test them; takes VARS=settings.yml and ARGS="..."
	@$(need_vars)
	.venv/bin/python -m customer_segmentation.publication $(if $(REBUILD),move-warehouse-aside,check-warehouse)
	.venv/bin/dbt build $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

# Java is asked first: what Spark says without it is long.
build-spark: setup-spark  ## Build the segments on Apache Spark, on this machine or SEGMENTATION_SPARK_MASTER; takes VARS and ARGS
	@sh scripts/need_java.sh
	@$(need_vars)
	.venv-spark/bin/dbt build --target spark $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

score: setup  ## Refresh the segments with the stored model, without fitting; takes VARS and ARGS
	.venv/bin/python -m customer_segmentation.publication check-warehouse
	.venv/bin/dbt build --selector score $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

publish: setup  ## Build, test, and let readers see the new marts all at once; takes VARS and ARGS as build does
	.venv/bin/python -m customer_segmentation.publication publish $(if $(VARS),--settings "$(VARS)") -- $(ARGS)

rollback: setup  ## Let readers see an earlier publication: TO=3, or the one before the current one
	.venv/bin/python -m customer_segmentation.publication rollback $(TO)

publications: setup  ## List the publications
	.venv/bin/python -m customer_segmentation.publication list

test: setup-dev  ## Run the tests; takes PYTEST_ARGS="..."
	.venv/bin/pytest $(PYTEST_ARGS)

# The package's functions and the checks of the project, but no whole builds.
test-fast: setup-dev  ## Run the fast tests, for everyday edits; takes PYTEST_ARGS="..."
	.venv/bin/pytest tests/python/sweep tests/python/validation tests/python/report tests/python/project/test_rooms.py tests/python/project/test_documentation.py tests/python/test_*.py --ignore tests/python/sweep/test_spark_source.py $(PYTEST_ARGS)

test-faults: setup-dev  ## Kill, fill up and damage builds and publications, and count what survived
	.venv/bin/pytest -m "faults or short_faults" -n 2 -rN $(PYTEST_ARGS)

test-report: setup-dev  ## Open the report in Chromium (Debian's package chromium) and compare it with the marts
	.venv/bin/pytest -m browser $(PYTEST_ARGS)

# Other tests need what .venv-spark has not.
test-spark: setup-spark  ## Test on Apache Spark: a session on this machine, a cluster of two workers, Spark Connect
	@sh scripts/need_java.sh
	.venv-spark/bin/pytest -m spark -n 0 adapters tests/python/spark tests/python/sweep/test_spark_source.py $(PYTEST_ARGS)
	SPARK_MASTER='local[2]' .venv-spark/bin/pytest -m "not spark" -n 0 tests/python/sweep/test_spark_source.py

# In memory: compiling reads no warehouse, and a build that runs meanwhile holds the file.
lint: setup-dev  ## Check Python, SQL and YAML; changes nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/python scripts/check_yaml.py
	.venv/bin/python scripts/check_sql_layout.py
	SEGMENTATION_WAREHOUSE=:memory: .venv/bin/sqlfluff lint

format: setup-dev  ## Write Python and SQL the way `make lint` wants them, as far as a tool can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format
	SEGMENTATION_WAREHOUSE=:memory: .venv/bin/sqlfluff fix

report: setup  ## Write the report of the publication, or of the warehouse where there is none, to reports/output/segmentation_report.html
	.venv/bin/python -m customer_segmentation.report $(if $(VARS),--settings "$(VARS)") $(ARGS)

pictures: setup  ## Draw the pictures of the README anew
	.venv/bin/python -m customer_segmentation.report --pictures reports/pictures

docs: build  ## Build, and write the documentation of the models to target/static_index.html and the rules into docs/input.md
	.venv/bin/dbt docs generate --static $(if $(VARS),--vars "$$(cat "$(VARS)")")
	.venv/bin/python scripts/write_rule_tables.py

architecture: setup-dev  ## Draw the rooms of models/ anew, from dbt's manifest, for docs/architecture.md
	.venv/bin/dbt --quiet parse
	.venv/bin/python scripts/draw_architecture.py target/manifest.json docs/architecture.svg

example-cdnow: setup-dev  ## Build the example CDNOW into examples/cdnow/warehouse.duckdb
	.venv/bin/python examples/prepare.py cdnow
	SEGMENTATION_WAREHOUSE=examples/cdnow/warehouse.duckdb .venv/bin/dbt build --vars "$$(cat examples/cdnow/settings.yml)" $(ARGS)

example-cdnow-history: setup-dev  ## Play the months of CDNOW with one refit and print what became of the segments
	.venv/bin/python examples/prepare.py cdnow
	.venv/bin/python examples/cdnow/play_history.py

example-complete-journey: setup-dev  ## Build the example The Complete Journey into examples/complete_journey/warehouse.duckdb
	.venv/bin/python examples/prepare.py complete_journey
	SEGMENTATION_WAREHOUSE=examples/complete_journey/warehouse.duckdb .venv/bin/dbt build --vars "$$(cat examples/complete_journey/settings.yml)" $(ARGS)

# One resolution serves all: run.txt and spark.txt take their versions from dev.txt. A lock names packages, never where
# they lie. The tests build on a Spark Connect engine, so dev.txt has its client; spark.txt has Spark itself.
lock: setup-dev  ## Resolve the dependencies of pyproject.toml into requirements/*.txt
	.venv/bin/uv pip compile pyproject.toml --group dev --extra spark-connect --universal --generate-hashes --no-header -q -o requirements/dev.txt
	.venv/bin/uv pip compile pyproject.toml -c requirements/dev.txt --universal --generate-hashes --no-header -q -o requirements/run.txt
	.venv/bin/uv pip compile pyproject.toml --group spark-tests --extra spark -c requirements/dev.txt --universal --generate-hashes --no-header -q -o requirements/spark.txt
	@! grep -n 'https*://' requirements/*.txt || { echo "A lock names an address." >&2; exit 1; }

licences: setup-dev setup-spark  ## Write the licences of the dependencies, as their packages state them, to requirements/licences.md
	.venv/bin/python scripts/licences.py run > requirements/licences.md
	.venv-spark/bin/python scripts/licences.py spark >> requirements/licences.md

bench: setup-dev  ## Measure the sweep, the features and whole builds beside their peers; takes SIZES=10000,1000000
	.venv/bin/python benchmarks/sweep.py --sizes $(SIZES)
	.venv/bin/python benchmarks/features.py --sizes $(SIZES)
	.venv/bin/python benchmarks/build.py --sizes $(SIZES)

audit: setup-dev  ## Look the locked versions up among the known weaknesses; needs the network
	.venv/bin/python scripts/audit.py

clean:  ## Remove what the tools leave behind; .venv and the warehouses stay
	rm -rf target logs .pytest_cache .ruff_cache .hypothesis
