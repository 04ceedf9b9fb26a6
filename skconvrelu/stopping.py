"""When work that is under way is to stop: after a time limit, or as the user interrupts it.

What takes long asks at points where it can be left. Solvers and descent return the best that they have (:func:`due`); searches for
prices, whose parts are worth nothing, are left by an exception (:func:`check`), and whoever began them goes on with what is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: seconds that bounds of a network may take where its training has ended early; they are looser then
_GRACE = 1.0


class Stopped(Exception):
    """Work was left because it is to stop."""


class Stop:
    """One for each piece of work, shared by its threads.

    Parameters
    ----------
    deadline : float
        A value of ``time.monotonic()``.
    outer : Stop, default=None
        That of the work which this is a part of.

    Attributes
    ----------
    interrupted : bool
        By the user.
    """

    def __init__(self, deadline: float = float("inf"), outer: Stop | None = None) -> None:
        self.deadline, self.outer, self.interrupted = deadline, outer, False

    def __getstate__(self) -> dict[str, Any]:
        # another machine has another clock
        return vars(self) | {"deadline": self.deadline - time.monotonic()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.deadline += time.monotonic()

    @property
    def reason(self) -> str | None:
        """Either "interrupt" or "max_time"; None where work may go on."""
        if self.interrupted:
            return "interrupt"
        above = None if self.outer is None else self.outer.reason
        return above or ("max_time" if time.monotonic() > self.deadline else None)

    def interrupt(self) -> None:
        """The user asks to stop, and all that this is a part of."""
        self.interrupted = True
        if self.outer is not None:
            self.outer.interrupt()

    @property
    def seconds_left(self) -> float:
        """Until the first deadline of this and what it is a part of."""
        left = max(0.0, self.deadline - time.monotonic())
        return left if self.outer is None else min(left, self.outer.seconds_left)


_current: ContextVar[Stop | None] = ContextVar("stop", default=None)


def deadline_in(seconds: float | None) -> float | None:
    """The value of ``time.monotonic()`` after so many seconds; None where there is no limit."""
    return None if seconds is None else time.monotonic() + seconds


def half_way(deadline: float | None) -> float | None:
    """The value of ``time.monotonic()`` when half of the time up to a deadline is over; None where there is none."""
    now = time.monotonic()
    return None if deadline is None else now + 0.5 * max(0.0, deadline - now)


def current() -> Stop | None:
    """That of the work under way in this thread, if it may be stopped."""
    return _current.get()


def seconds_left() -> float:
    """What the work under way may still take; infinite where it may not be stopped, or has no deadline."""
    stop = _current.get()
    return float("inf") if stop is None else stop.seconds_left


def reason() -> str | None:
    """Why the work under way is to stop: "interrupt" or "max_time"; None where it may go on."""
    stop = _current.get()
    return None if stop is None else stop.reason


def due() -> bool:
    """Whether the work under way is to stop."""
    return reason() is not None


def check() -> None:
    """Leave work that is to stop.

    Raises
    ------
    Stopped
        If it is.
    """
    if due():
        raise Stopped


@contextmanager
def may_end_early() -> Iterator[None]:
    """What is inside a ``with`` statement is left without an exception where work is to stop, and where the user interrupts it."""
    try:
        yield
    except Stopped:
        pass
    except KeyboardInterrupt:
        stop = _current.get()
        if stop is None:
            raise
        stop.interrupt()


@contextmanager
def until(deadline: float | None) -> Iterator[Stop]:
    """Work inside a ``with`` statement stops at a deadline (None: at none of its own), as it does when what it is a part of is to stop."""
    stop = Stop(float("inf") if deadline is None else deadline, _current.get())
    with _as_current(stop):
        yield stop


@contextmanager
def grace() -> Iterator[None]:
    """Work inside a ``with`` statement, which puts in order what was left, may take a second whatever was to stop before it."""
    with _as_current(Stop(time.monotonic() + _GRACE)):
        yield


def under(stop: Stop | None, function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns; in another thread, under the stop of this one."""
    with _as_current(stop):
        return function(*args)


@contextmanager
def _as_current(stop: Stop | None) -> Iterator[None]:
    token = _current.set(stop)
    try:
        yield
    finally:
        _current.reset(token)
