"""Networks of the same function, or of the same outputs on given data: balanced, permuted, split, merged, minimal."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skconvrelu._checks import check_shape, check_vector
from skconvrelu.network.minimal_networks import independent_scales
from skconvrelu.rounding import lengths_of_any_size

Array = NDArray[np.float64]


class EquivalentNetworks:
    """What a two-layer network can be turned into without a change of its outputs; a part of TwoLayerReLU."""

    if TYPE_CHECKING:
        hidden_weights: Array
        hidden_biases: Array
        output_weights: Array
        output_biases: Array
        gates: Array | None
        classes: NDArray[Any] | None
        vectors: Any
        patterns: Any
        contributions: Any
        from_convex: Any
        _only_relu: Any
        _with: Any

    @property
    def n_hidden(self) -> int:
        """Number of hidden units m."""
        return self.hidden_weights.shape[1]

    def balance(self) -> Self:
        """The same function with ``||(w1_k, b1_k)|| = ||w2_k||`` for each unit, the least penalty that rescaling units can give."""
        inner, outer = lengths_of_any_size(self.vectors().T), lengths_of_any_size(self.output_weights)
        size = np.sqrt(inner) * np.sqrt(outer)
        left, right = (np.where(norm > 0.0, size / np.where(norm > 0.0, norm, 1.0), 0.0) for norm in (inner, outer))
        return self.rescaled(left, right)

    def permute(self, order: Any) -> Self:
        """The same function with its units in another order, ``order`` a permutation of ``range(m)``."""
        check_shape(order, "order")
        order = np.asarray(order, dtype=np.intp) if np.size(order) == 0 else np.asarray(order)
        if (
            order.ndim != 1
            or order.dtype.kind not in "iu"
            or not np.array_equal(np.sort(order), np.arange(self.n_hidden))
        ):
            raise ValueError(f"order must be a permutation of range({self.n_hidden}), got {order!r}.")
        return self._picked(order)

    def split(self, unit: int, shares: Any) -> Self:
        """The same function at the same penalty with one unit replaced by several collinear ones.

        Parameters
        ----------
        unit : int
        shares : array-like of positive numbers that sum to one
            Part ``s`` has weights ``sqrt(s) w1`` and ``sqrt(s) w2``. The parts stand at the end.

        Returns
        -------
        network : TwoLayerReLU

        Raises
        ------
        ValueError
            If there is no such unit or the shares are no shares.
        """
        shares = check_vector(shares, "shares")
        if shares.ndim != 1 or not (shares > 0.0).all() or abs(shares.sum() - 1.0) > 1e-12:
            raise ValueError(f"shares must be positive and sum to one, got {shares!r}.")
        if not isinstance(unit, Integral) or isinstance(unit, bool) or not 0 <= unit < self.n_hidden:
            raise ValueError(f"unit must be one of the {self.n_hidden} hidden units, got {unit!r}.")
        rest = np.delete(np.arange(self.n_hidden), unit)
        order = np.concatenate([rest, np.full(len(shares), unit)])
        root = np.concatenate([np.ones(len(rest)), np.sqrt(shares)])
        return self._picked(order).rescaled(root, root)

    def merge(self, X: Any) -> Self:
        """Balanced, with units of one pattern on X and one output direction added up: equal outputs on X at no higher penalty.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        network : TwoLayerReLU
            Of at most as many units; those that contribute nothing are left out.

        Raises
        ------
        ValueError
            If the units are gated, or X is not finite or has other features.
        """
        self._only_relu("merge")
        _, directions, groups, total = self.grouped(X)
        first = np.unique(groups, return_index=True)[1]
        merged = type(self).from_convex(total, directions[first], self.output_biases, biases=True)
        return merged._with(classes=self.classes)._kept()

    def grouped(self, X: Any) -> tuple[Array, Array, NDArray[np.intp], Array]:
        """:meth:`blocks`; numbers (m,), by first appearance, that units of one pattern on X and one direction share; and their sums."""
        coef, directions = self.blocks()
        on = np.packbits(self._kept().patterns(X).T, axis=1)
        keys = np.hstack([on, (np.round(directions, 12) + 0.0).view(np.uint8)])
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        groups = np.argsort(np.argsort(first))[inverse.ravel()]
        total = np.zeros((len(first), coef.shape[1]))
        np.add.at(total, groups, coef)
        return coef, directions, groups, total

    def minimal(self, X: Any) -> Self:
        """Balanced, merged, and pruned along linear dependences between the units' outputs on X (Wang, Lacotte & Pilanci 2022).

        Units are only rescaled, so their patterns stay; outputs on X are unchanged and the penalty does not increase. From a global
        optimum it leads to another one with at most ``n_samples * K`` units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        network : TwoLayerReLU

        Raises
        ------
        ValueError
            If the units are gated.

        Examples
        --------
        >>> import numpy as np
        >>> from skconvrelu.network import TwoLayerReLU
        >>> rng = np.random.default_rng(0)
        >>> wide = TwoLayerReLU(rng.normal(size=(2, 50)), rng.normal(size=50), rng.normal(size=(50, 1)), np.zeros(1))
        >>> X = rng.normal(size=(8, 2))
        >>> small = wide.minimal(X)
        >>> small.n_hidden <= 8, bool(np.allclose(small.outputs(X), wide.outputs(X)))
        (True, True)
        """
        merged = self.merge(X)
        return merged.scaled_units(merged.pruning_scales(X)[-1])

    def pruning_scales(self, X: Any) -> list[Array]:
        """Scales (m,) of the units' contributions, step by step from all ones to linearly independent ones, at the same outputs on X."""
        cost = np.linalg.norm(self.vectors(), axis=0) * np.linalg.norm(self.output_weights, axis=1)
        return independent_scales(self.contributions(X), cost)

    def scaled_units(self, scales: Array) -> Self:
        """Contributions of the units times nonnegative ``scales`` (m,), both layers sharing them; those at zero are left out."""
        scales = check_vector(scales, "scales")
        if scales.shape != (self.n_hidden,) or not (scales >= 0.0).all():
            raise ValueError(
                f"scales must be {self.n_hidden} nonnegative numbers, one a hidden unit, got shape {scales.shape}."
            )
        root = np.sqrt(scales)
        return self.rescaled(root, root)._kept()

    def _kept(self) -> Self:
        """Without units that contribute nothing anywhere."""
        return self._picked(np.flatnonzero(self.vectors().any(axis=0) & self.output_weights.any(axis=1)))

    def blocks(self) -> tuple[Array, Array]:
        """Convex vectors (m, n_features + 1), biases last, and unit output directions (m, K) of the units that contribute."""
        kept = self._kept()
        outer = np.linalg.norm(kept.output_weights, axis=1)
        return kept.vectors().T * outer[:, None], kept.output_weights / outer[:, None]

    def _picked(self, order: NDArray[np.intp]) -> Self:
        return self._with(
            hidden_weights=self.hidden_weights[:, order], hidden_biases=self.hidden_biases[order],
            output_weights=self.output_weights[order], gates=None if self.gates is None else self.gates[:, order],
        )  # fmt: skip

    def rescaled(self, left: Array, right: Array) -> Self:
        """Hidden weights and biases of each unit times ``left`` (m,), its output weights times ``right`` (m,)."""
        left, right = check_vector(left, "left"), check_vector(right, "right")
        if left.shape != (self.n_hidden,) or right.shape != (self.n_hidden,):
            raise ValueError(
                f"left and right must have a scale for each of the {self.n_hidden} hidden units; got shapes {left.shape} and {right.shape}."
            )
        return self._with(
            hidden_weights=self.hidden_weights * left, hidden_biases=self.hidden_biases * left,
            output_weights=self.output_weights * right[:, None],
        )  # fmt: skip
