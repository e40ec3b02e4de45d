"""The manifest of a publication: its number, its warehouse, its time, its marts, and the publication before it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from customer_segmentation.publication.errors import PublicationError

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
    # Its absolute path; None in the manifests of earlier versions.
    warehouse_path: str | None
    # ISO 8601, in UTC.
    published_at: str
    marts: dict[str, MartSummary]
    # The publication that was current until this one; None if there was none, and in the manifests of earlier versions.
    previous: int | None = None

    def write(self, folder: Path) -> None:
        """Write manifest.json into the folder of a publication."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read manifest.json from the folder of a publication. Unknown keys, as of a newer version, are ignored.

    Raises:
        PublicationError: The file cannot be read, or is not a manifest.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        marts = {mart: MartSummary(summary["rows"], summary["amounts"]) for mart, summary in content["marts"].items()}
        return Manifest(
            content["publication"],
            content["warehouse"],
            content.get("warehouse_path"),
            content["published_at"],
            marts,
            content.get("previous"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not a manifest"
        raise PublicationError(
            f"{folder / MANIFEST} cannot be read ({said}), so the publication is damaged; remove its folder, or make "
            "another one current with `make rollback`."
        ) from error
