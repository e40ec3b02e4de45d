# Each line of a recipe can also be run by hand. `make` alone lists the targets.

# The Python that creates .venv: 3.11 or later. If it is empty, scripts/setup.sh searches for one.
PYTHON ?=
# A YAML settings file (make build VARS=my_shop.yml), further arguments of dbt (ARGS="--select marts") and of pytest.
VARS ?=
ARGS ?=
PYTEST_ARGS ?=
# The numbers of customers, and the shops of benchmarks/job.py, in `make bench`.
SIZES ?= 620,10000,100000
SHOPS ?= 620x5,100000x10
# REBUILD=1 moves the warehouse aside and builds a new one. TO=3 is the publication that `make rollback` returns to.
REBUILD ?=
TO ?=
# The day of the contact in `make audiences`; by default the as-of date.
CONTACT_DATE ?=
# The question of `make ask`.
Q ?=

# dbt reads the profile in this folder, not one in the home folder, and sends no usage statistics.
export PYTHON
export DBT_PROFILES_DIR = .
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export DO_NOT_TRACK = 1

# dbt with little on the screen; ARGS="--log-level info" brings back all its lines.
DBT = .venv/bin/python -m customer_segmentation.dbt_command
need_vars = test -z "$(VARS)" || test -f "$(VARS)" -a -r "$(VARS)" || { echo "VARS must name a YAML settings file; there is no file $(VARS) that can be read." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-spark build build-spark score ask publish audiences rollback publications test test-fast test-long test-faults test-report test-evidence test-spark lint format report pictures docs architecture example-cdnow example-cdnow-history example-complete-journey example-campaign example-evidence lock licences audit bench clean

##@ Use

help:  ## List the targets
	@awk -F ':.*## ' '/^##@ / {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-26s %s\n", $$1, $$2}' Makefile

build: setup  ## Build the segments and test them; takes VARS=settings.yml and ARGS="..."
	@$(need_vars)
	.venv/bin/python -m customer_segmentation.publication $(if $(REBUILD),move-warehouse-aside,check-warehouse)
	$(DBT) build --exclude-resource-type unit_test $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

score: setup  ## Assign the customers with the stored model, without training; takes VARS and ARGS
	@$(need_vars)
	.venv/bin/python -m customer_segmentation.publication check-warehouse
	$(DBT) build --selector score $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

report: setup  ## Write the report from the publication, or from the warehouse if there is none, to reports/output/segmentation_report.html; takes VARS and TARGET=spark
	.venv/bin/python -m customer_segmentation.report $(if $(VARS),--settings "$(VARS)") $(if $(TARGET),--target $(TARGET)) $(ARGS)

ask: setup  ## Answer a question about the customers: Q=who_to_call_this_week; without Q, list the questions
	@$(need_vars)
	@.venv/bin/python -m customer_segmentation.ask $(Q) $(if $(Q),$(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS))

publish: $(if $(filter spark,$(TARGET)),setup-spark,setup)  ## Build, test, and publish the marts atomically; takes VARS and ARGS like build, and TARGET=spark
	@$(if $(filter spark,$(TARGET)),sh scripts/need_java.sh,true)
	$(if $(filter spark,$(TARGET)),.venv-spark,.venv)/bin/python -m customer_segmentation.publication publish $(if $(VARS),--settings "$(VARS)") $(if $(TARGET),--target $(TARGET)) -- $(ARGS)

audiences: $(if $(filter spark,$(TARGET)),setup-spark,setup)  ## Build, test, and write a list of customers for each action; takes VARS and ARGS like build, and TARGET=spark
	@$(if $(filter spark,$(TARGET)),sh scripts/need_java.sh,true)
	$(if $(filter spark,$(TARGET)),.venv-spark,.venv)/bin/python -m customer_segmentation.audiences $(if $(VARS),--settings "$(VARS)") $(if $(CONTACT_DATE),--contact-date $(CONTACT_DATE)) $(if $(TARGET),--target $(TARGET)) -- $(ARGS)

rollback: setup  ## Return to an earlier publication: TO=3, or the one that was current before; takes TARGET=spark
	.venv/bin/python -m customer_segmentation.publication rollback $(if $(TARGET),--target $(TARGET)) $(TO)

publications: setup  ## List the publications; takes TARGET=spark
	.venv/bin/python -m customer_segmentation.publication list $(if $(TARGET),--target $(TARGET))

# Java is checked first, because Spark's own error without it is long.
build-spark: setup-spark  ## Build the segments on Apache Spark, on this machine or SEGMENTATION_SPARK_MASTER; takes VARS and ARGS
	@sh scripts/need_java.sh
	@$(need_vars)
	.venv-spark/bin/python -m customer_segmentation.dbt_command build --target spark --exclude-resource-type unit_test $(if $(VARS),--vars "$$(cat "$(VARS)")") $(ARGS)

example-cdnow: setup-dev  ## Build the example CDNOW into examples/cdnow/warehouse.duckdb
	.venv/bin/python examples/prepare.py cdnow
	SEGMENTATION_WAREHOUSE=examples/cdnow/warehouse.duckdb $(DBT) build --exclude-resource-type unit_test --vars "$$(cat examples/cdnow/settings.yml)" $(ARGS)

example-cdnow-history: setup-dev  ## Build CDNOW month by month with one refit, and print how the segments change
	.venv/bin/python examples/prepare.py cdnow
	.venv/bin/python examples/cdnow/play_history.py

example-complete-journey: setup-dev  ## Build the example The Complete Journey into examples/complete_journey/warehouse.duckdb
	.venv/bin/python examples/prepare.py complete_journey
	SEGMENTATION_WAREHOUSE=examples/complete_journey/warehouse.duckdb $(DBT) build --exclude-resource-type unit_test --vars "$$(cat examples/complete_journey/settings.yml)" $(ARGS)

example-campaign: setup-dev  ## Play three waves of actions with known effects in a simulated shop, and print what was measured
	.venv/bin/python examples/campaign/play.py

# The sample is published only if there is no publication yet.
example-evidence: setup  ## Build the Evidence site of the current publication, into reports/output/evidence; needs Node.js 18 or later
	@sh examples/evidence/build.sh --check
	@test -e "$$(sh examples/evidence/build.sh --publication)" || $(MAKE) publish
	@sh examples/evidence/build.sh

##@ Extend

setup:  ## Create .venv with the packages for a build, unless it is up to date
	@sh scripts/setup.sh run

setup-dev:  ## The same, with the packages for the tests, the linters and the examples
	@sh scripts/setup.sh dev

setup-spark:  ## Create .venv-spark with Apache Spark (500 MB); running it needs Java 17 or later
	@sh scripts/setup.sh spark

# The tests of the package and of the project files, without complete builds.
test-fast: setup-dev  ## Run the fast tests; takes PYTEST_ARGS="..."
	.venv/bin/pytest tests/python/sweep tests/python/validation tests/python/report tests/python/project/test_rooms.py tests/python/project/test_documentation.py tests/python/test_*.py --ignore tests/python/sweep/test_spark_source.py $(PYTEST_ARGS)

test: setup-dev  ## Run the tests; takes PYTEST_ARGS="..."
	.venv/bin/pytest $(PYTEST_ARGS)

# Further cases of what `make test` has tried: other shops, other settings, any order of files, an earlier version.
test-long: setup-dev  ## Run the long tests of whole builds; takes PYTEST_ARGS="..."
	.venv/bin/pytest -m long $(PYTEST_ARGS)

test-report: setup-dev  ## Open the report in Chromium (Debian's package chromium) and compare it with the marts
	.venv/bin/pytest -m browser $(PYTEST_ARGS)

# The other tests need packages that .venv-spark does not have.
test-evidence: setup-dev  ## Build the Evidence site with npm, open it in Chromium and compare it with the marts
	.venv/bin/pytest -m evidence $(PYTEST_ARGS)

test-spark: setup-spark  ## Test on Apache Spark: a session on this machine, a cluster of two workers, Spark Connect
	@sh scripts/need_java.sh
	.venv-spark/bin/pytest -m spark -n 0 adapters tests/python/spark tests/python/sweep/test_spark_source.py $(PYTEST_ARGS)
	SPARK_MASTER='local[2]' .venv-spark/bin/pytest -m "not spark" -n 0 tests/python/sweep/test_spark_source.py

test-faults: setup-dev  ## Kill builds and publications, fill their disk and damage their files, and check what remains
	.venv/bin/pytest -m "faults or short_faults" -n 2 -rN $(PYTEST_ARGS)

# In memory, because compiling reads no warehouse, and a running build would hold the file.
lint: setup-dev  ## Check Python, SQL and YAML; changes nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/python scripts/check_yaml.py
	.venv/bin/python scripts/check_sql_layout.py
	SEGMENTATION_WAREHOUSE=:memory: .venv/bin/sqlfluff lint --processes 2

format: setup-dev  ## Format Python and SQL, and fix what can be fixed automatically
	.venv/bin/ruff check --fix
	.venv/bin/ruff format
	SEGMENTATION_WAREHOUSE=:memory: .venv/bin/sqlfluff fix

docs: build  ## Build, write the documentation of the models to target/static_index.html, and update the rules in docs/input.md
	.venv/bin/dbt docs generate --static $(if $(VARS),--vars "$$(cat "$(VARS)")")
	.venv/bin/python scripts/write_rule_tables.py

##@ Maintain

pictures: setup  ## Redraw the pictures of the README
	.venv/bin/python -m customer_segmentation.report --pictures reports/pictures

architecture: setup-dev  ## Redraw the picture in docs/architecture.md from dbt's manifest
	.venv/bin/dbt --quiet parse
	.venv/bin/python scripts/draw_architecture.py target/manifest.json docs/architecture.svg

# All locks have the same versions: run.txt and spark.txt take theirs from dev.txt. A lock contains no index addresses.
# The tests build on a Spark Connect engine, so dev.txt has its client; spark.txt has Spark itself.
lock: setup-dev  ## Resolve the dependencies of pyproject.toml into requirements/*.txt
	.venv/bin/uv pip compile pyproject.toml --group dev --extra spark-connect --universal --generate-hashes --no-header -q -o requirements/dev.txt
	.venv/bin/uv pip compile pyproject.toml -c requirements/dev.txt --universal --generate-hashes --no-header -q -o requirements/run.txt
	.venv/bin/uv pip compile pyproject.toml --group spark-tests --extra spark -c requirements/dev.txt --universal --generate-hashes --no-header -q -o requirements/spark.txt
	.venv/bin/uv pip compile --group old-duckdb --universal --generate-hashes --no-header -q -o requirements/old-duckdb.txt
	@! grep -n 'https*://' requirements/*.txt || { echo "A lock contains an address." >&2; exit 1; }

licences: setup-dev setup-spark  ## Write the licences of the dependencies, as their packages state them, to requirements/licences.md
	.venv/bin/python scripts/licences.py run > requirements/licences.md
	.venv-spark/bin/python scripts/licences.py spark >> requirements/licences.md

bench: setup-dev  ## Compare the sweep, the features and complete builds with alternatives; takes SIZES=10000,1000000 and SHOPS=100000x10:csv:365
	.venv/bin/python benchmarks/sweep.py --sizes $(SIZES)
	.venv/bin/python benchmarks/features.py --sizes $(SIZES)
	.venv/bin/python benchmarks/job.py --shops $(SHOPS)

audit: setup-dev  ## Check the locked versions for known vulnerabilities; needs the network
	.venv/bin/python scripts/audit.py

clean:  ## Remove generated files; keeps .venv and the warehouses
	rm -rf target logs .pytest_cache .ruff_cache .hypothesis
