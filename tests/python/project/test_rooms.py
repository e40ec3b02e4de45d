"""The rooms of models/: a model reads only from its own room and earlier ones, and the build log comes last."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

# In the order of the data flow. docs/architecture.md describes each.
ROOMS = ("staging", "checks", "features", "training", "serving", "marts", "actions", "history")
LOG = "model.customer_segmentation.int_build_log"


@pytest.fixture(scope="module")
def nodes(manifest: dict) -> dict[str, dict]:
    """Every model and data test of the project, by its unique id."""
    return {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "test")}


def room(node: dict) -> str:
    """The room of a model: the first folder under models/."""
    return Path(node["original_file_path"]).parts[1]


def parents(node: dict, nodes: dict[str, dict]) -> list[str]:
    """The models that a model or a test reads."""
    return [name for name in node["depends_on"]["nodes"] if name in nodes]


def ancestors(name: str, nodes: dict[str, dict]) -> frozenset[str]:
    """Every model that a model reads, directly or through others."""

    @cache
    def above(name: str) -> frozenset[str]:
        direct = parents(nodes[name], nodes)
        return frozenset(direct).union(*(above(each) for each in direct))

    return above(name)


def models(nodes: dict[str, dict]) -> dict[str, dict]:
    return {name: node for name, node in nodes.items() if node["resource_type"] == "model"}


def test_every_model_is_in_a_room(nodes):
    assert {room(node) for node in models(nodes).values()} == set(ROOMS)


def test_a_model_reads_only_from_its_own_room_and_those_before_it(nodes):
    backwards = [
        f"{node['name']} ({room(node)}) reads {nodes[parent]['name']} ({room(nodes[parent])})"
        for node in models(nodes).values()
        for parent in parents(node, nodes)
        if ROOMS.index(room(nodes[parent])) > ROOMS.index(room(node))
    ]
    assert backwards == []


def test_a_build_is_logged_after_every_mart(nodes):
    marts = {name for name, node in models(nodes).items() if room(node) == "marts"}
    assert len(marts) > 5
    assert marts - ancestors(LOG, nodes) == set()


def test_a_build_is_logged_after_every_test_of_what_it_logs(nodes):
    """dbt build runs a test before a model only if the model depends on everything that the test reads."""
    logged = ancestors(LOG, nodes)
    history = {name for name, node in models(nodes).items() if room(node) == "history"}
    too_late = [
        node["name"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and not history.intersection(parents(node, nodes))
        and not logged.issuperset(parents(node, nodes))
    ]
    assert too_late == []


def test_the_counts_of_a_build_are_kept_after_it_is_logged(nodes):
    """A build that is not logged is then not the one with which the next compares its input."""
    assert LOG in ancestors("model.customer_segmentation.int_completed_volumes", nodes)
