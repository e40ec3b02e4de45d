"""What goes wrong with a publication."""

from __future__ import annotations


class PublicationError(Exception):
    """Why a publication or a rollback did not happen, as a sentence for the user."""
