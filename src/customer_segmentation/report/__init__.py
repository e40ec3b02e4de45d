"""The segmentation report: one HTML page, written from the marts only.

`python -m customer_segmentation.report` writes it. The modules, in the order of the data flow:

- `reading`: the settings of the report, the database that it reads, and the rows of the marts.
- `wording`: numbers, dates, labels and sentences.
- `sections`: what each section of the page shows, from the rows.
- `charts`: the charts as Vega-Lite specifications; `figures`: each chart with its data and its description.
- `page`: the HTML page, and the pictures.
"""

from __future__ import annotations

from typing import Any

# A row of a mart: its values by column.
Row = dict[str, Any]


class ReportError(Exception):
    """The report cannot be written; the message is a sentence for the user."""
