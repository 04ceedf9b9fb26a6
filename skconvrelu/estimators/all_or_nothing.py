"""Fits that end early, by an error or an interruption, leave the estimator as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])


def all_or_nothing(method: _Method) -> _Method:
    """The method of an estimator, after whose failure every attribute is the one from before, and those it added are gone.

    Methods so decorated may replace attributes but not change them in place. ``BaseException`` is meant: a user who interrupts a long
    fit must not be left with the names of new features and the network of old ones.
    """

    @wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            attributes = vars(self)
            for name in attributes.keys() - before.keys():
                del attributes[name]
            attributes.update(before)
            raise

    return cast(_Method, whole)
