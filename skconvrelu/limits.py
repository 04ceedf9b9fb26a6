"""What a core holds, and the sizes from which another way of computing the same is faster: in one place.

Results do not depend on these numbers but for rounding. They are those of common machines; tests and benchmarks choose others with
:func:`limited`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limits:
    """Sizes of arrays, in numbers, and from which sizes methods change.

    Attributes
    ----------
    temporary : int
        Numbers that one temporary may hold (64 MiB).
    cached, least_rows : int
        Numbers that stay in a core's cache from one pass over them to the next; and samples at least that are worked on together, since
        products of fewer are slow.
    share, cached_in_shares : int
        Samples that one thread sums at a time, and the activations of these that are worked on at once: threads would wait for each other
        between short products.
    screening, screened : int
        Samples above which vectors are projected on cones of some of them first, and how many those are.
    near : int
        Samples above which a projection looks at those alone that it can violate.
    updated : int
        Features from which inverses of active sets are updated in place of formed anew.
    grams : int
        Sets of weights from which products of columns are formed for all of them together.
    gradient_steps : int
        Conjugate gradient steps after which a preconditioner is no good.
    """

    temporary: int = 8_000_000
    cached: int = 65_536
    least_rows: int = 64
    share: int = 8_192
    cached_in_shares: int = 524_288
    screening: int = 10_000
    screened: int = 2_000
    near: int = 2_000
    updated: int = 40
    grams: int = 64
    gradient_steps: int = 40

    @property
    def kept(self) -> int:
        """Numbers that may be held to be used again and again."""
        return 4 * self.temporary


_current = Limits()


def limits() -> Limits:
    """Those in force."""
    return _current


@contextmanager
def limited(**changes: int) -> Iterator[None]:
    """Other limits inside a ``with`` statement, in all threads of the process."""
    global _current
    before, _current = _current, replace(_current, **changes)
    try:
        yield
    finally:
        _current = before
