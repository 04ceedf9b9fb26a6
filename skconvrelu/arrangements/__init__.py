"""Hyperplane arrangements: gates, the patterns they cut into the data, samplers, exact enumeration and counting.

A gate ``g`` activates sample i when ``x_i' g >= 0``; its pattern is the diagonal of ``D = diag(1[X g >= 0])``. X is the matrix that
the gates multiply: with hidden biases its last column is constant one.
"""

from skconvrelu.arrangements._counting import ArrangementBound, arrangement_bound, n_patterns_general_position
from skconvrelu.arrangements._enumeration import enumerate_arrangements, exact_gates
from skconvrelu.arrangements._patterns import merge_patterns, patterns_of
from skconvrelu.arrangements._samplers import SampledArrangements, sample_arrangements, sample_gates

__all__ = [
    "ArrangementBound",
    "SampledArrangements",
    "arrangement_bound",
    "enumerate_arrangements",
    "exact_gates",
    "merge_patterns",
    "n_patterns_general_position",
    "patterns_of",
    "sample_arrangements",
    "sample_gates",
]
