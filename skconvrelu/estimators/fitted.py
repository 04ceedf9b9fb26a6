"""Between what training returns and fitted attributes, there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.arrangements import patterns_of
from skconvrelu.certificate import Certificate
from skconvrelu.duality import Bound
from skconvrelu.losses import HardMargin
from skconvrelu.network import TwoLayerReLU
from skconvrelu.problem import Problem
from skconvrelu.search.unit_blocks import blocks_of
from skconvrelu.search.units import Units
from skconvrelu.solution import Solution
from skconvrelu.training.trained import Trained

Array = NDArray[np.float64]


def layers(network: TwoLayerReLU) -> dict[str, Any]:
    """The fitted attributes that prediction needs."""
    return {
        "coefs_": [network.hidden_weights, network.output_weights],
        "intercepts_": [network.hidden_biases, network.output_biases],
    }


def in_units_of(problem: Problem, trained: Trained) -> Certificate:
    """The certificate in the user's units; its objective is that of the network as it is stored, from above.

    Its intercept is rounded there, and its weights are products of roots.
    """
    program, solution = trained.program, trained.solution
    objective = trained.certificate.objective
    if not isinstance(program.loss, HardMargin):
        stored = problem.coordinates.intercept_inward(problem.coordinates.intercept_outward(solution.intercept))
        outputs = program.outputs(solution.blocks, solution.coef) + stored
        objective = program.loss_value(outputs) + program.penalty(solution.coef)
        objective += program.objective_error(outputs, solution.coef)
    return replace(trained.certificate, objective=objective).mapped(problem.objective_outward, problem.bound_outward)


def trained_again(model: Any, problem: Problem, *, shared: bool) -> tuple[Trained, Array]:
    """The fit as it was before it was turned into attributes, checked against the data; and its dual point."""
    patterns = patterns_of(problem.X, model.arrangements_)
    beta = model.beta_ if isinstance(problem.loss, HardMargin) else problem.coordinates.beta_inward(model.beta_)
    program = problem.program(patterns, beta, constrained=True)
    units = problem.units_inward(Units(model.convex_coef_, model.convex_directions_))
    if shared:
        program = replace(
            program,
            shared=True,
            block_patterns=model.convex_arrangements_,
            block_directions=model.convex_directions_,
        )
    dual_coef = model.dual_coef_.reshape(len(model.dual_coef_), -1)
    dual = np.zeros_like(problem.rows.Y)
    known = problem.rows.inverse >= 0
    intercept = problem.coordinates.intercept_inward(model.intercepts_[1])
    outputs = units.outputs(program.X) + intercept
    objective = program.loss_value(outputs) + program.penalty(units.coef)
    rounding = 2.0 * program.objective_error(outputs, units.coef)
    stored = problem.objective_inward(model.objective_)
    if len(dual_coef) != len(known) or not abs(objective - stored) <= 1e-6 * abs(stored) + rounding:
        raise ValueError(
            "certify: X, y and sample_weight must be the training data of this fit; their objective differs."
        )
    np.add.at(dual, problem.rows.inverse[known], problem.coordinates.dual_inward(dual_coef[known]))
    certificate = model.certificate_.mapped(problem.objective_inward, problem.objective_inward)
    blocks = np.arange(len(units))
    if not program.shared:
        blocks = blocks_of(program, patterns[model.convex_arrangements_], model.convex_directions_)
    bound = Bound(certificate.lower_bound_solved, dual)
    solution = Solution.of(program, blocks, units.coef, bound, n_iter=model.n_iter_, solver=model.solver_)
    solution = replace(solution, intercept=intercept, objective=certificate.objective)
    if isinstance(problem.loss, HardMargin):  # of which the zero network has an infinite one
        solution = replace(solution, scale=certificate.objective)
    objectives = [problem.objective_inward(value) for value in model.objectives_]
    return Trained(program, solution, model.arrangements_, certificate, objectives), dual
