"""The two-layer network that the convex weights stand for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skconvrelu._by_value import ByValue
from skconvrelu._checks import check_features, check_flag, check_number, check_vector, check_weights
from skconvrelu.losses import coded_targets
from skconvrelu.network.equivalent_networks import EquivalentNetworks
from skconvrelu.network.mlp import check_classes, fitted_mlp, layers_of
from skconvrelu.rounding import lengths_of_any_size, positive
from skconvrelu.rows import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TwoLayerReLU(EquivalentNetworks, ByValue):
    """``f(x) = sum_k w2_k phi(x' w1_k + b1_k) + b2`` with m hidden units and K outputs.

    Networks are equal, and have one hash, if all their weights, gates and classes are; the arrays cannot be written to.

    Parameters
    ----------
    hidden_weights : ndarray of shape (n_features, m)
    hidden_biases : ndarray of shape (m,)
    output_weights : ndarray of shape (m, K)
    output_biases : ndarray of shape (K,)
        All finite.
    gates : ndarray of shape (n_features + 1, m), default=None
        For gated ReLU: unit k is ``1[x' g_k + h_k >= 0] (x' w1_k + b1_k)``, the last row holding the h_k. None: ReLU.
    classes : array-like, default=None
        Labels that the outputs stand for, as in a classifier: two for one output, else one an output. Kept sorted; None: no labels.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.network import TwoLayerReLU
    >>> network = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
    >>> network.outputs(np.array([[-2.0], [3.0]])).ravel()
    array([2., 3.])
    """

    hidden_weights: Array
    hidden_biases: Array
    output_weights: Array
    output_biases: Array
    gates: Array | None = None
    classes: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        names: tuple[str, ...] = ("hidden_weights", "hidden_biases", "output_weights", "output_biases")
        arrays = [check_vector(getattr(self, name), f"network: {name}") for name in names]
        W1, b1, W2, b2 = arrays
        fits = W1.ndim == W2.ndim == 2 and b1.shape == W1.shape[1:] == W2.shape[:1] and b2.shape == W2.shape[1:]
        if not fits:
            raise ValueError(
                "network: hidden_weights, hidden_biases, output_weights and output_biases must have shapes (n_features, m), (m,), "
                f"(m, K), (K,); got {', '.join(str(a.shape) for a in arrays)}."
            )
        if self.gates is not None:
            names, arrays = (*names, "gates"), [*arrays, check_vector(self.gates, "gates")]
            if arrays[-1].shape != (W1.shape[0] + 1, W1.shape[1]):
                raise ValueError(f"gates must have shape {(W1.shape[0] + 1, W1.shape[1])}, got {arrays[-1].shape}.")
        if not all(np.isfinite(a).all() for a in arrays):
            raise ValueError("network holds NaN or infinite weights.")
        if self.classes is not None:
            names, arrays = (*names, "classes"), [*arrays, check_classes(self.classes, W2.shape[1])]
        for name, array in zip(names, arrays, strict=True):
            own = np.array(array)  # whoever holds the array that was given may write to it
            own.setflags(write=False)
            object.__setattr__(self, name, own)

    def __hash__(self) -> int:
        # adding zero turns -0.0 into 0.0, which is equal to it
        W1, b1, W2, b2 = (self.hidden_weights, self.hidden_biases, self.output_weights, self.output_biases)
        return hash((super().__hash__(), *((a + 0.0).tobytes() for a in (W1, b1, W2, b2))))

    def __reduce__(self) -> Any:
        # arrays that are unpickled or copied by themselves could be written to
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    @classmethod
    def from_convex(
        cls, coef: Array, directions: Array, intercept: Array, *, biases: bool, gates: Array | None = None
    ) -> TwoLayerReLU:
        """The balanced network of convex blocks: block ``u`` with direction ``v`` is the unit ``w1 = u / sqrt||u||``, ``w2 = sqrt||u|| v``.

        Then ``w1 w2' `` reproduces ``u v'`` and ``(||w1||^2 + ||w2||^2) / 2 = ||u||``, so both problems have equal objectives
        (Wang, Lacotte & Pilanci 2022, section 2).

        Parameters
        ----------
        coef : ndarray of shape (m, d)
            With ``biases`` their last entry is the hidden bias. A vector of zeros is a unit of zeros.
        directions : ndarray of shape (m, K)
        intercept : ndarray of shape (K,)
        biases : bool
        gates : ndarray of shape (d, m), default=None
        """
        coef, directions = check_vector(coef, "coef"), check_vector(directions, "directions")
        intercept = check_vector(intercept, "intercept")
        if (
            coef.ndim != 2
            or directions.ndim != 2
            or len(coef) != len(directions)
            or np.shape(intercept) != directions.shape[1:]
        ):
            raise ValueError(
                "coef, directions and intercept must have shapes (m, d), (m, K) and (K,); "
                f"got {coef.shape}, {directions.shape} and {np.shape(intercept)}."
            )
        check_flag(biases, "biases")
        root = np.sqrt(lengths_of_any_size(coef))[:, None]
        units = coef / positive(root)
        split = coef.shape[1] - 1 if biases else coef.shape[1]
        if gates is not None and not biases:
            gates = np.vstack([gates, np.zeros(gates.shape[1])])
        return cls(
            hidden_weights=np.ascontiguousarray(units[:, :split].T),
            hidden_biases=units[:, split].copy() if biases else np.zeros(len(coef)),
            output_weights=root * directions,
            output_biases=intercept,
            gates=gates,
        )

    @classmethod
    def from_mlp(cls, mlp: Any) -> TwoLayerReLU:
        """The weights of a fitted MLPRegressor or MLPClassifier with one hidden layer; ``outputs`` are its raw outputs.

        Where the MLP puts a link on them (a Poisson regressor, a classifier), predictions are the link of the outputs.

        Parameters
        ----------
        mlp : MLPRegressor or MLPClassifier
            Fitted, ``activation="relu"``.

        Returns
        -------
        network : TwoLayerReLU

        Raises
        ------
        TypeError
            If ``mlp`` is something else.
        ValueError
            If it has more layers, another activation, or several labels at once.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.neural_network import MLPRegressor
        >>> from skconvrelu.network import TwoLayerReLU
        >>> X = np.linspace(-1, 1, 20)[:, None]
        >>> mlp = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=50, random_state=0).fit(X, X[:, 0] ** 2)
        >>> bool(np.allclose(TwoLayerReLU.from_mlp(mlp).predict(X), mlp.predict(X)))
        True
        """
        layers = layers_of(mlp)
        labels = mlp.classes_ if isinstance(mlp, MLPClassifier) and len(mlp.classes_) > 1 else None
        return cls(*layers, classes=labels)

    def to_mlp(self, *, classes: Any = None) -> MLPRegressor | MLPClassifier:
        """A scikit-learn MLP that predicts with these weights, and can go on training from them.

        ``partial_fit``, or ``fit`` with ``warm_start=True``, begins with them. Probabilities of a classifier mean something only for a
        network that was trained with the log loss; labels are right with any loss.

        Parameters
        ----------
        classes : array-like, default=None
            Labels for an MLPClassifier (two for one output, else one an output, sorted as ``numpy.unique`` does). None takes those of the
            network, as that of a fitted classifier has them; a network without labels becomes an MLPRegressor.

        Returns
        -------
        mlp : MLPRegressor or MLPClassifier

        Raises
        ------
        ValueError
            If the units are gated, or the number of classes does not match the outputs.

        Examples
        --------
        >>> import numpy as np
        >>> from skconvrelu.network import TwoLayerReLU
        >>> network = TwoLayerReLU(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [1.0]]), np.zeros(1))
        >>> network.to_mlp().predict([[-2.0]])
        array([2.])
        """
        self._only_relu("to_mlp")
        labels = self.classes if classes is None else check_classes(classes, self.output_weights.shape[1])
        return fitted_mlp((self.hidden_weights, self.hidden_biases, self.output_weights, self.output_biases), labels)

    def outputs(self, X: Any) -> Array:
        """Raw outputs (n_samples, K); X dense or sparse of shape (n_samples, n_features)."""
        X = self._features(X)
        return Rows.in_cache(self.n_hidden, X).map(
            lambda X: self._activations(X) @ self.output_weights + self.output_biases
        )

    def predict(self, X: Any) -> Array:
        """Outputs as an estimator gives them: (n_samples,) for one output, else (n_samples, K)."""
        F = self.outputs(X)
        return F[:, 0] if F.shape[1] == 1 else F

    def patterns(self, X: Any) -> NDArray[np.bool_]:
        """Which units each sample activates, ``1[x_i' w1_k + b1_k >= 0]``, bool (n_samples, m)."""
        return self._on(self._features(X))

    def vectors(self) -> Array:
        """Hidden weights with the bias as last row, (n_features + 1, m)."""
        return np.vstack([self.hidden_weights, self.hidden_biases])

    def penalty(self) -> float:
        """``(||W1||_F^2 + ||b1||^2 + ||W2||_F^2) / 2``; hidden biases count, output biases do not."""
        with np.errstate(over="ignore"):  # infinite where it is beyond the largest number
            return 0.5 * float(np.square(self.vectors()).sum() + np.square(self.output_weights).sum())

    def objective(
        self, X: Any, y: Any, *, beta: float, loss: str = "squared_error", sample_weight: Any = None, **params: float
    ) -> float:
        """Training objective ``(1/S) sum_i s_i l(f(x_i), y_i) + beta penalty()`` at these weights as they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, K)
            Targets, or class labels for a classification loss.
        beta : float
        loss : str, default="squared_error"
            A loss of :class:`~skconvrelu.ConvexReLURegressor`, or "log_loss", "hinge", "squared_hinge" or "squared_error_on_classes".
        sample_weight : array-like of shape (n_samples,), default=None
        **params
            ``epsilon`` of "huber", ``quantile`` of "quantile".

        Returns
        -------
        objective : float

        Raises
        ------
        ValueError
            If beta is negative, no loss has that name or those parameters, or targets or weights do not fit it or the outputs.
        """
        beta = check_number(beta, "beta", least=0.0)
        kind, Y = coded_targets(loss, y, **params)
        F = self.outputs(X)
        if Y.shape != F.shape:
            raise ValueError(f"y stands for outputs of shape {Y.shape}, but the network has them of shape {F.shape}.")
        weights = check_weights(sample_weight, len(F))
        return float(weights @ (kind.value(F, Y) - kind.dropped(Y))) + beta * self.penalty()

    def contributions(self, X: Any) -> Array:
        """What each unit adds to the outputs, one raveled column (n_samples * K,) a unit."""
        parts = np.einsum("nm,mk->nkm", self._activations(self._features(X)), self.output_weights)
        return parts.reshape(parts.shape[0] * parts.shape[1], self.n_hidden)

    def _features(self, X: Any) -> Any:
        """X as finite numbers, with the features of the network."""
        X = check_features(X)
        if X.shape[1] != self.hidden_weights.shape[0]:
            raise ValueError(
                f"X must have shape (n_samples, {self.hidden_weights.shape[0]}), a column for each feature of the network; got {X.shape}."
            )
        return X.tocsr() if sparse.issparse(X) else X

    def _activations(self, X: Any) -> Array:
        hidden = np.asarray(X @ self.hidden_weights) + self.hidden_biases
        return np.maximum(hidden, 0.0, out=hidden) if self.gates is None else hidden * self._on(X)

    def _on(self, X: Any) -> NDArray[np.bool_]:
        W, b = (self.hidden_weights, self.hidden_biases) if self.gates is None else (self.gates[:-1], self.gates[-1])
        return np.asarray(X @ W) + b >= 0.0

    def _with(self, **changes: Any) -> TwoLayerReLU:
        return replace(self, **changes)

    def _only_relu(self, name: str) -> None:
        if self.gates is not None:
            raise ValueError(f"{name} is for ReLU networks; this one is gated.")


def check_is_network(network: Any, name: str = "network") -> None:
    """Statements and pictures are of plain networks, not about estimators that have one."""
    if not isinstance(network, TwoLayerReLU):
        raise TypeError(
            f"{name} must be a TwoLayerReLU, such as the network_ of a fit or TwoLayerReLU.from_mlp; got {type(network).__name__}."
        )
