"""The error raised by publications and rollbacks."""

from __future__ import annotations


class PublicationError(Exception):
    """A publication or a rollback failed; the message is a sentence for the user."""
