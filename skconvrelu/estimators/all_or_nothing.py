"""Fits that end by an error, or are interrupted before there is a network, leave the estimator as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Interrupted(KeyboardInterrupt):
    """The user interrupted a fit, which keeps the model so far."""


def all_or_nothing(method: _Method) -> _Method:
    """The method of an estimator, after whose failure every attribute is the one from before, and those it added are gone.

    Methods so decorated may replace attributes but not change them in place. ``BaseException`` is meant: a user who interrupts a long
    fit must not be left with the names of new features and the network of old ones. :class:`Interrupted` says that all are new.
    """

    @wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except Interrupted:
            raise
        except BaseException:
            attributes = vars(self)
            for name in attributes.keys() - before.keys():
                del attributes[name]
            attributes.update(before)
            raise

    return cast(_Method, whole)
