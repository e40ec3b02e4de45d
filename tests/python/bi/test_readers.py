"""The examples in docs/bi.md, which read a publication of the sample."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import PROJECT, Built, green

from customer_segmentation.publication.publications import locked, publish_marts


def test_the_examples_of_the_documentation_run(tmp_path: Path, sample: Built) -> None:
    text = (PROJECT / "docs" / "bi.md").read_text()
    examples = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(examples) == 2
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    with locked(tmp_path / "publications"):
        publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "publications", 1)

    for example, expected in zip(examples, ("Low Activity", "S1"), strict=True):
        ended = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert expected in ended.stdout
