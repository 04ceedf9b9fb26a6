"""Median time of a solve, made again from scratch where it is short; the first import of a process is not timed."""

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

Answer = TypeVar("Answer")


def timed(solve: Callable[[], Answer], repeat: int, short: float) -> tuple[Answer, float]:
    """The last answer, and the median of ``repeat`` times, or the first one where it is above ``short`` seconds."""
    seconds: list[float] = []
    while not seconds or (len(seconds) < repeat and seconds[0] <= short):
        begin = time.perf_counter()
        answer = solve()
        seconds.append(time.perf_counter() - begin)
    return answer, median(seconds)
