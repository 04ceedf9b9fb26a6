"""What scikit-learn's callbacks are told during a fit; silent where this scikit-learn has none or none is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skconvrelu._sklearn import CALLBACKS


class Progress:
    """One task of a fit: the fit itself, a stage of the path, a round of the search.

    Parameters
    ----------
    estimator : estimator
    context : sklearn.callback.CallbackContext or None
    X, y, weights
        The training data, which callbacks may score on.
    """

    def __init__(self, estimator: Any, context: Any, X: Any, y: Any, weights: Any) -> None:
        self.estimator, self.context = estimator, context
        # copies, which callbacks may write to, and only for those that ask
        self.arrays = X, y, weights
        self.data = {"X": X.copy, "y": y.copy, "metadata": lambda: {"sample_weight": weights.copy()}}

    @classmethod
    def of_fit(cls, estimator: Any, X: Any, y: Any, weights: Any) -> Progress:
        """The root task of a fit, begun."""
        context = estimator._init_callback_context(max_subtasks=None) if CALLBACKS else None
        return cls(estimator, context, X, y, weights).begin()

    def begin(self) -> Progress:
        """Tell of the beginning."""
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self

    def end(self, attributes: Callable[[], Mapping[str, Any]] | None = None) -> bool:
        """Tell of the end; True asks to stop. ``attributes`` are those of a network as good as fitted."""
        if self.context is None:
            return False

        def nameless() -> dict[str, Any]:
            # callbacks score it on the arrays above, whose columns have no names
            return {**attributes(), "feature_names_in_": None}  # type: ignore[misc]

        return bool(
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=attributes and nameless, **self.data
            )
        )

    def task(self, name: str, *, nested: bool = False) -> Progress:
        """A subtask, begun; ``nested`` ones have subtasks of their own."""
        context = self.context
        if context is not None:
            context = context.subcontext(task_name=name, max_subtasks=None if nested else 0)
        return Progress(self.estimator, context, *self.arrays).begin()
