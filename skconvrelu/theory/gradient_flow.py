"""Subgradient flow of the unregularised training loss, with the trajectory of every unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import LSODA
from sklearn.exceptions import ConvergenceWarning

from skconvrelu._by_value import ByValue
from skconvrelu._checks import (
    check_choice,
    check_count,
    check_flag,
    check_labels,
    check_matrix,
    check_no_missing,
    check_number,
    check_rng,
    check_vector,
)
from skconvrelu._warnings import warn
from skconvrelu.network import TwoLayerReLU
from skconvrelu.theory._setting import check_margin_network

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradientFlow(ByValue):
    """A trajectory of :func:`gradient_flow`.

    Attributes
    ----------
    times : ndarray of shape (T,)
        Of the flow as it was integrated: ``s`` with ``ds = L dt`` where time was rescaled, else ``t``.
    hidden_weights : ndarray of shape (T, d, m)
    output_weights : ndarray of shape (T, m)
    log_losses : ndarray of shape (T,)
        Natural logarithm of the mean loss.
    margins : ndarray of shape (T,)
        ``min_i y_i f(x_i)`` for a classification loss, else nan.
    """

    times: Array
    hidden_weights: Array = field(repr=False)
    output_weights: Array = field(repr=False)
    log_losses: Array = field(repr=False)
    margins: Array = field(repr=False)

    def network(self, k: int = -1) -> TwoLayerReLU:
        """The network at the k-th time."""
        if not isinstance(k, Integral) or isinstance(k, bool) or not -len(self.times) <= int(k) < len(self.times):
            raise ValueError(f"k must be one of the {len(self.times)} times, got {k!r}.")
        W, w = self.hidden_weights[int(k)], self.output_weights[int(k)]
        return TwoLayerReLU(W, np.zeros(W.shape[1]), w[:, None], np.zeros(1))

    def penalties(self) -> Array:
        """``(||W1||^2 + ||w2||^2) / 2`` along the flow, shape (T,)."""
        return 0.5 * (np.square(self.hidden_weights).sum(axis=(1, 2)) + np.square(self.output_weights).sum(axis=1))

    def margin_values(self) -> Array:
        """Penalty of the network scaled to a margin of one, infinite before it separates; tends to a KKT value of max margin."""
        return np.where(self.margins > 0.0, self.penalties() / np.where(self.margins > 0.0, self.margins, 1.0), np.inf)

    def imbalances(self) -> Array:
        """``||w1_k||^2 - w2_k^2`` of every unit, (T, m): constant along the exact flow."""
        return np.square(self.hidden_weights).sum(axis=1) - np.square(self.output_weights)


def balanced_network(n_features: int, n_hidden: int, scale: float, random_state: Any = None) -> TwoLayerReLU:
    """Small random weights with ``||w1_k|| = |w2_k| = scale``: uniform directions and signs, no biases.

    Parameters
    ----------
    n_features, n_hidden : int
    scale : float
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    network : TwoLayerReLU

    Examples
    --------
    >>> from skconvrelu.theory import balanced_network
    >>> round(balanced_network(3, 4, 0.1, random_state=0).penalty(), 12)
    0.04
    """
    check_count(n_features, "n_features")
    check_count(n_hidden, "n_hidden", 0)
    scale = check_number(scale, "scale", least=0.0)
    rng = check_rng(random_state)
    W = rng.standard_normal((n_features, n_hidden))
    w = rng.choice([-1.0, 1.0], size=n_hidden)
    return TwoLayerReLU(scale * W / np.linalg.norm(W, axis=0), np.zeros(n_hidden), scale * w[:, None], np.zeros(1))


def gradient_flow(
    X: Any,
    y: Any,
    network0: TwoLayerReLU,
    *,
    loss: str = "log_loss",
    duration: float = 10.0,
    n_times: int = 200,
    rescale: bool | None = None,
    min_log_loss: float = -200.0,
    kink_width: float = 1e-4,
    rtol: float = 1e-6,
    max_steps: int = 20_000,
) -> GradientFlow:
    """Integrate ``d theta / dt = -grad L(theta)``, L the mean loss without penalty (Wang & Pilanci 2022).

    With a logistic loss the weights grow like the logarithm of time, so time is rescaled: ``ds = L dt`` gives the flow of
    ``-log L``, along the same path, and losses are kept as logarithms. The loss often pushes a unit's hyperplane against a sample from
    both sides, where the flow goes on along the kink with a derivative in between (Filippov). So derivatives ramp from 0 to 1 over a small
    angle beside each hyperplane, on its active side, and the equation is integrated by scipy's LSODA, which is implicit where that
    makes it stiff. Activations are derivative times hidden value, so that ``||w1_k||^2 - w2_k^2`` is conserved all the same.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        There are no biases: append a constant column for hidden ones.
    y : array-like of shape (n_samples,)
        Two classes, the larger label being +1, or targets for "squared_error".
    network0 : TwoLayerReLU
        Where the flow begins; one output, no biases. See :func:`balanced_network`.
    loss : {"log_loss", "exponential", "squared_error"}, default="log_loss"
        ``log(1 + exp(-y f))``, ``exp(-y f)``, ``(f - y)^2 / 2``.
    duration : float, default=10.0
        In units of the (rescaled) time.
    n_times : int, default=200
        Points of the trajectory, equally spaced.
    rescale : bool, default=None
        None rescales time but for "squared_error".
    min_log_loss : float, default=-200.0
        A rescaled flow ends when the logarithm of the loss reaches it; minus infinity: at no time.
    kink_width : float, default=1e-4
        Sine of the angle over which derivatives ramp, between 0 and 1; along kinks the flow needs a positive one.
    rtol : float, default=1e-6
        Relative tolerance of the integrator, at least 1e-12; its absolute one is a thousandth of it in units of the largest initial
        weight.
    max_steps : int, default=20_000
        Of the integrator.

    Returns
    -------
    flow : GradientFlow

    Raises
    ------
    ValueError
        If the network or the data do not fit, ``loss`` is unknown, or a number is out of its range.

    Warns
    -----
    ConvergenceWarning
        If the steps ran out; the trajectory then ends early.

    Examples
    --------
    >>> import numpy as np
    >>> from skconvrelu.theory import balanced_network, gradient_flow
    >>> X, y = np.array([[1.0], [-2.0]]), np.array([1, -1])
    >>> flow = gradient_flow(X, y, balanced_network(1, 8, 1e-2, random_state=0), duration=20.0)
    >>> bool(abs(flow.margin_values()[-1] - 1.5) < 0.05)  # the max-margin value is 1.5
    True
    """
    X = check_matrix(X)
    check_choice(loss, "loss", ("log_loss", "exponential", "squared_error"))
    n_times, max_steps = check_count(n_times, "n_times", 2), check_count(max_steps, "max_steps", most=None)
    duration, rtol = check_number(duration, "duration", above=0.0), check_number(rtol, "rtol", least=1e-12, below=1.0)
    kink_width = check_number(kink_width, "kink_width", above=0.0, below=1.0)
    if not isinstance(min_log_loss, float) or min_log_loss != -np.inf:
        min_log_loss = check_number(min_log_loss, "min_log_loss")
    regression = loss == "squared_error"
    targets = check_vector(y, "y") if regression else check_labels(y, len(X))
    if targets.shape != (len(X),):
        raise ValueError(f"y must have one value for each of the {len(X)} samples, got shape {targets.shape}.")
    check_no_missing(targets)
    check_margin_network(network0, X, "network0")
    if not network0.n_hidden:
        raise ValueError("network0 has no hidden units, so nothing can flow; see balanced_network.")
    rescale = not regression if rescale is None else check_flag(rescale, "rescale")
    d, m = network0.hidden_weights.shape
    flow = _Flow(X, targets, loss, rescale, kink_width, d, m)
    start = np.concatenate([network0.hidden_weights.ravel(), network0.output_weights[:, 0]])

    atol = 1e-3 * rtol * max(np.abs(start).max(), 1e-12)
    solver = LSODA(flow.velocity, 0.0, start, duration, rtol=rtol, atol=atol)
    times, states = _integrated(
        solver, flow, np.linspace(0.0, duration, n_times), max_steps, min_log_loss if rescale else -np.inf
    )
    outputs = [flow.outputs(state) for state in states]
    return GradientFlow(
        times=times,
        hidden_weights=states[:, : d * m].reshape(-1, d, m),
        output_weights=states[:, d * m :],
        log_losses=np.array([flow.log_loss(f) for f in outputs]),
        margins=np.array([np.nan if regression else (targets * f).min() for f in outputs]),
    )


def _integrated(solver: LSODA, flow: _Flow, grid: Array, max_steps: int, min_log_loss: float) -> tuple[Array, Array]:
    """Times and states on the grid as far as the flow goes, and where it ended."""
    times, states = [float(solver.t)], [solver.y.copy()]
    for _ in range(max_steps):
        if solver.status != "running":
            break
        message = solver.step()
        if solver.status == "failed":
            warn(f"The gradient flow stopped at time {solver.t:.6g}: {message}", ConvergenceWarning)
            break
        inside = grid[(grid > solver.t_old) & (grid < solver.t)]
        if len(inside):
            times += inside.tolist()
            states += list(solver.dense_output()(inside).T)
        if flow.log_loss(flow.outputs(solver.y)) <= min_log_loss:
            break
    else:
        warn(
            f"The gradient flow took max_steps={max_steps} steps and stopped at time {solver.t:.6g} of {solver.t_bound:.6g}: increase "
            "max_steps or rtol, or shorten duration.",
            ConvergenceWarning,
        )
    if solver.t > times[-1]:
        times.append(float(solver.t))
        states.append(solver.y.copy())
    return np.array(times), np.array(states)


class _Flow:
    """The vector field, in the logarithm of the loss where time is rescaled so that nothing underflows."""

    def __init__(self, X: Array, y: Array, loss: str, rescale: bool, width: float, d: int, m: int) -> None:
        self.X, self.y, self.loss, self.rescale, self.d, self.m = X, y, loss, rescale, d, m
        self.widths = width * np.linalg.norm(X, axis=1)[:, None]

    def split(self, state: Array) -> tuple[Array, Array]:
        return state[: self.d * self.m].reshape(self.d, self.m), state[self.d * self.m :]

    def outputs(self, state: Array) -> Array:
        W, w = self.split(state)
        return self.activations(W)[1] @ w

    def activations(self, W: Array) -> tuple[Array, Array]:
        """Derivatives, which ramp from 0 to 1 beside the hyperplanes, and activations: derivatives times hidden values."""
        hidden = self.X @ W
        width = self.widths * np.linalg.norm(W, axis=0)
        on = np.clip(hidden / np.where(width > 0.0, width, 1.0), 0.0, 1.0)
        return on, on * hidden

    def log_losses(self, f: Array) -> Array:
        """Logarithm of the loss of each sample."""
        if self.loss == "squared_error":
            with np.errstate(divide="ignore"):
                return np.log(0.5 * np.square(f - self.y))
        margins = self.y * f
        if self.loss == "exponential":
            return -margins
        # log(log(1 + exp(-m))) is -m to rounding once exp(-m) is below it
        small = margins > 30.0
        return np.where(small, -margins, np.log(np.logaddexp(0.0, -np.where(small, 0.0, margins))))

    def log_loss(self, f: Array) -> float:
        """Logarithm of the mean loss."""
        return float(np.logaddexp.reduce(self.log_losses(f)) - np.log(len(f)))

    def pulls(self, f: Array) -> Array:
        """``-dL/df``, divided by the loss where time is rescaled."""
        shift = self.log_loss(f) if self.rescale else 0.0
        if self.loss == "squared_error":
            return (self.y - f) * np.exp(-shift) / len(f)
        margins = self.y * f
        slopes = -margins if self.loss == "exponential" else -np.logaddexp(0.0, margins)
        return self.y * np.exp(slopes - shift) / len(f)

    def velocity(self, _: float, state: Array) -> Array:
        W, w = self.split(state)
        on, activations = self.activations(W)
        pull = self.pulls(activations @ w)
        return np.concatenate([(self.X.T @ (on * np.outer(pull, w))).ravel(), activations.T @ pull])
