"""The error raised by exports."""

from __future__ import annotations


class ExportError(Exception):
    """An export failed; the message is a sentence for the user."""
