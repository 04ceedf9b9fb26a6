"""Errors of the solver backends."""


class SolverError(RuntimeError):
    """A backend could not produce a point: the message says what it reported."""


class SolverUnavailableError(RuntimeError):
    """A backend cannot run here (not installed, no licence); the message names the remedy."""
