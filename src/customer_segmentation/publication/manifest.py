"""The manifest of a publication: what it is of, when it was made, and what each mart holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class MartSummary:
    """What a copied mart holds: its number of rows, and the sum of each decimal column to the last digit."""

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
    """Read manifest.json in the folder of a publication."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    marts = {mart: MartSummary(**summary) for mart, summary in content.pop("marts").items()}
    return Manifest(marts=marts, **content)
