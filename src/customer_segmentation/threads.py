"""How many threads the inner loops use. Results do not depend on it: work is cut into chunks of a fixed size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_limit: ContextVar[int | None] = ContextVar("thread_limit", default=None)


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Return the number of threads to use: the limit in force, or one per available CPU."""
    return _limit.get() or available_cpus()


@contextmanager
def thread_limit(count: int | None) -> Iterator[None]:
    """Use at most count threads inside the block; None sets no limit. Other threads of the process are not affected."""
    token = _limit.set(count)
    try:
        yield
    finally:
        _limit.reset(token)
