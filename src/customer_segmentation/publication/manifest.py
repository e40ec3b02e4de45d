"""The manifest of a publication: its number, its warehouse, its time, and a summary of each mart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class MartSummary:
    """The number of rows of a mart, and the exact sum of each decimal column as text, by column."""

    rows: int
    amounts: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json."""

    publication: int
    # The file name of the warehouse that was published.
    warehouse: str
    # ISO 8601, in UTC.
    published_at: str
    marts: dict[str, MartSummary]

    def write(self, folder: Path) -> None:
        """Write manifest.json into the folder of a publication."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read manifest.json from the folder of a publication."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    marts = {mart: MartSummary(**summary) for mart, summary in content.pop("marts").items()}
    return Manifest(marts=marts, **content)
