"""``verbose`` through the logging module."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_logger = logging.getLogger("skconvrelu")


class _Handler(logging.StreamHandler):
    """To stderr, unless another handler on the record's way already writes it to the console."""

    def emit(self, record: logging.LogRecord) -> None:
        if not any(_prints(handler, record) for handler in _on_the_way() if handler is not self):
            super().emit(record)


def _on_the_way() -> Iterator[logging.Handler]:
    """Handlers that see the package's records: its own and, as far as they propagate, those above."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _prints(handler: logging.Handler, record: logging.LogRecord) -> bool:
    """Whether a handler writes the record to the console: a stream handler on it, or one of rich."""
    stream = getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)
    consoles = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return any(stream is console for console in consoles if console is not None) and handler.level <= record.levelno


class _Shared:
    """Handler and level of the package's logger, which all threads share: the first fit sets them, the last one takes them back."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.levels: list[int] = []  # of the fits under way; the most talkative one counts
        self.before = logging.NOTSET
        self.handler: logging.Handler | None = None

    def enter(self, level: int) -> None:
        with self.lock:
            if self.handler is None:
                self.before, self.handler = _logger.level, _Handler()
                self.handler.setFormatter(logging.Formatter("[skconvrelu] %(message)s"))
                _logger.addHandler(self.handler)
            self.levels.append(level)
            _logger.setLevel(min(self.levels))

    def leave(self, level: int) -> None:
        with self.lock:
            self.levels.remove(level)
            if self.levels:
                _logger.setLevel(min(self.levels))
            elif self.handler is not None:
                _logger.removeHandler(self.handler)
                _logger.setLevel(self.before)
                self.handler = None


_shared = _Shared()


@contextmanager
def verbosity(verbose: int) -> Iterator[None]:
    """Send the package's log records to stderr for the length of a fit: 1 = rounds (INFO), 2 or more = iterations (DEBUG).

    A record that a handler of the user already prints is not printed again. Fits of several threads may overlap.
    """
    if not verbose:
        yield
        return
    level = logging.INFO if verbose == 1 else logging.DEBUG
    _shared.enter(level)
    try:
        yield
    finally:
        _shared.leave(level)
