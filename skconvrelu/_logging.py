"""``verbose`` through the logging module."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def verbosity(verbose: int) -> Iterator[None]:
    """Send the package's log records to stderr for the length of a fit: 1 = rounds (INFO), 2 or more = iterations (DEBUG)."""
    if not verbose:
        yield
        return
    logger = logging.getLogger("skconvrelu")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[skconvrelu] %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
