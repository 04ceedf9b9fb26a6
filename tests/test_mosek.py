"""The MOSEK backend, almost all of it without a licence.

MOSEK's optimiser runs only in the last test, which is skipped where there is no licence. The others exercise the task,
MOSEK's own evaluation of given points, its file format, its client and its licence errors, each as its docstring says.
"""

import json
import math
import os
import pickle
import socket
import subprocess
import sys
import traceback
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mosek")
pytest.importorskip("clarabel")
pytest.importorskip("cvxpy")

import jtask_reader
import mosek
from mosek_server import LoopbackServer, SilentServer, failing, inject, reply, solving
from reference import cvxpy_optimum
from sklearn.exceptions import ConvergenceWarning

import skconvrelu
from skconvrelu.losses import (
    AbsoluteError,
    BinaryLogLoss,
    Hinge,
    Huber,
    MultinomialLogLoss,
    Poisson,
    Quantile,
    SquaredError,
    SquaredHinge,
)
from skconvrelu.program import ConvexProgram
from skconvrelu.solvers import SolverError, SolverUnavailableError, choose_solver, clarabel
from skconvrelu.solvers import mosek as backend
from skconvrelu.solvers._server import without_secrets
from skconvrelu.solvers.conic import conic_form
from skconvrelu.solvers.conic_form import ConePart, ConicForm, ConicSolution, Triplets

ACCURACY = 1e-9
OTHERS = ("huber", "poisson", "squared_hinge", "absolute_error", "quantile", "hinge")
FORMS = [
    ("squared", "primal"),
    ("squared", "dual"),
    ("binary", "primal"),
    ("softmax", "primal"),
    *((kind, "primal") for kind in OTHERS),
]
NETWORKS = pytest.mark.parametrize("constrained", [True, False], ids=["relu", "gated"])
INTERCEPTS = pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "no_intercept"])
SIDES = pytest.mark.parametrize(("kind", "side"), FORMS)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """No server from the environment, and nothing remembered about a licence."""
    monkeypatch.delenv(backend.OPTSERVER_VARIABLE, raising=False)
    monkeypatch.setattr(backend, "_probed", [])


@cache
def make(kind, constrained, intercept, n_patterns=5):
    """A small program; the squared error takes the dual side with 5 patterns and the primal one with 20."""
    n, d = 20, 3
    rng = np.random.default_rng(23)
    X = rng.standard_normal((n, d))
    patterns = np.unique((X @ rng.standard_normal((d, 60)) >= 0).T, axis=0)[:n_patterns]
    assert len(patterns) == n_patterns
    weights = rng.uniform(0.2, 2.0, n)
    Y, loss = {
        "squared": lambda: (rng.standard_normal((n, 1)), SquaredError()),
        "binary": lambda: (np.sign(rng.standard_normal((n, 1))), BinaryLogLoss()),
        "softmax": lambda: (np.eye(3)[np.arange(n) % 3], MultinomialLogLoss()),
        "huber": lambda: (rng.standard_normal((n, 1)), Huber(0.6)),
        "poisson": lambda: (rng.poisson(2.0, (n, 1)).astype(float), Poisson()),
        "squared_hinge": lambda: (np.sign(rng.standard_normal((n, 1))), SquaredHinge()),
        "absolute_error": lambda: (rng.standard_normal((n, 1)), AbsoluteError()),
        "quantile": lambda: (rng.standard_normal((n, 1)), Quantile(0.7)),
        "hinge": lambda: (np.sign(rng.standard_normal((n, 1))), Hinge()),
    }[kind]()
    program = ConvexProgram.over_patterns(
        X, Y, weights / weights.sum(), patterns, loss, 1.0, constrained=constrained, fit_intercept=intercept
    )
    return replace(program, beta=0.1 * program.beta_max())


@cache
def optimum(kind, constrained, intercept, n_patterns=5):
    """The optimal value by an independent formulation in cvxpy."""
    p = make(kind, constrained, intercept, n_patterns)
    parameter = {"huber": ":0.6", "quantile": ":0.7"}.get(kind, "")
    name = {"squared": "squared_error", "binary": "log_loss", "softmax": "log_loss"}.get(kind, kind + parameter)
    with warnings.catch_warnings():
        # it asks for more digits than can always be had; too few of them would fail the comparison, never pass it
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
        value = cvxpy_optimum(
            p.X, p.Y, p.weights, p.patterns, name, p.beta, constrained=constrained, fit_intercept=intercept
        )
    return value + p.weights @ p.loss.dropped(p.Y)


def triplets(entries):
    rows, cols, values = zip(*entries, strict=True)
    return Triplets(np.array(rows, np.int32), np.array(cols, np.int32), np.array(values, np.float64))


def hand_made():
    """A form with a row of every kind of bound and a cone of every kind, and its solution and value, found by hand."""
    inf = np.inf
    form = ConicForm(
        cost=np.array([1.0, -1.0, 2.0, -2.0, 3.0, 1.0, 1.0, 1.0]),
        offset=5.0,
        A=triplets([*((i, i, 1.0) for i in range(5)), (5, 0, 1.0), (5, 1, 1e-11)]),
        row_lower=np.array([1.0, -inf, -1.0, -1.0, 7.0, -inf]),
        row_upper=np.array([inf, 2.0, 3.0, 4.0, 7.0, inf]),
        F=triplets([(0, 5, 1.0), (3, 6, 1.0), (6, 7, 1.0)]),
        g=np.array([0.0, 3.0, 4.0, 0.0, 1.0, 2.0, 0.0, 1.0, 1.0]),
        cones=(ConePart("quadratic", 3, 1), ConePart("rotated", 3, 1), ConePart("exponential", 3, 1)),
        read=lambda solution: None,
    )
    solution = ConicSolution(
        x=np.array([1.0, 2.0, -1.0, 4.0, 7.0, 5.0, 2.0, math.e]),
        rows=np.array([1.0, -1.0, 2.0, -2.0, 3.0, 0.0]),
        cones=np.array([1.0, -0.6, -0.8, 1.0, 2.0, -2.0, 1.0, 0.0, -math.e]),
        n_iter=0,
        optimal=True,
    )
    return form, solution, 22.0 + math.e


def in_order(rows, cols, values):
    order = np.lexsort((cols, rows))
    return np.asarray(rows)[order], np.asarray(cols)[order], np.asarray(values)[order]


def assert_holds(task, form):
    """The task, read with MOSEK's getters, is the form to the last bit and has no names."""
    n, m = form.n_variables, len(form.row_lower)
    assert (task.getnumvar(), task.getnumcon(), task.getnumafe()) == (n, m, len(form.g))
    assert task.getobjsense() == mosek.objsense.minimize
    assert task.getcfix() == form.offset
    assert np.array_equal(task.getc(), form.cost)
    assert set(task.getvarboundslice(0, n)[0]) == {mosek.boundkey.fr}
    for i in range(m):
        key, lower, upper = task.getconbound(i)
        has_lower, has_upper = np.isfinite(form.row_lower[i]), np.isfinite(form.row_upper[i])
        if has_lower and has_upper:
            wanted = mosek.boundkey.fx if form.row_lower[i] == form.row_upper[i] else mosek.boundkey.ra
        else:
            wanted = mosek.boundkey.lo if has_lower else mosek.boundkey.up if has_upper else mosek.boundkey.fr
        assert key == wanted
        assert not has_lower or lower == form.row_lower[i]
        assert not has_upper or upper == form.row_upper[i]
    for found, wanted in ((task.getatrip(), form.A), (task.getaccftrip(), form.F)):
        # MOSEK takes entries of at most 1e-12 for zeros: rounding in the intercept's basis, for example
        keep = np.abs(wanted.values) > 1e-12
        kept = in_order(wanted.rows[keep], wanted.cols[keep], wanted.values[keep])
        assert all(np.array_equal(a, b) for a, b in zip(in_order(*found), kept, strict=True))
    assert np.array_equal(task.getaccgvector(), form.g)
    kinds = {
        "quadratic": mosek.domaintype.quadratic_cone,
        "rotated": mosek.domaintype.rquadratic_cone,
        "exponential": mosek.domaintype.primal_exp_cone,
    }
    wanted = [(kinds[part.kind], part.dim) for part in form.cones for _ in range(part.count)]
    found = [task.getaccdomain(i) for i in range(task.getnumacc())]
    assert [(task.getdomaintype(i), task.getdomainn(i)) for i in found] == wanted
    order = np.concatenate([task.getaccafeidxlist(i) for i in range(task.getnumacc())])
    assert np.array_equal(order, np.arange(len(form.g)))
    assert not any(task.getvarnamelen(j) for j in range(n))


def certified(form, solution):
    """MOSEK's own relative gap, largest primal and largest dual violation of a point it is given."""
    with mosek.Env() as env, backend.build_task(env, form) as task:
        inject(task, solution.x, solution.rows, solution.cones)
        information = task.getsolutioninfonew(mosek.soltype.itr)
    primal, dual = information[0], information[8]
    return abs(primal - dual) / abs(primal), max(information[1:8]), max(information[9:14])


@SIDES
@NETWORKS
@INTERCEPTS
def test_task_holds_the_neutral_program(kind, side, constrained, intercept):
    """Builds the task and reads it back with MOSEK's getters; nothing is optimised."""
    form = conic_form(make(kind, constrained, intercept), side)
    with mosek.Env() as env, backend.build_task(env, form) as task:
        assert_holds(task, form)


def test_task_holds_every_kind_of_bound_and_an_offset():
    """Builds the task of a form with all five kinds of row bounds and reads it back; nothing is optimised."""
    form, _, _ = hand_made()
    with mosek.Env() as env, backend.build_task(env, form) as task:
        assert_holds(task, form)


def test_task_without_linear_rows():
    """Builds the task of a form without rows (dual side, gated, no intercept); nothing is optimised."""
    form = conic_form(make("squared", False, False), "dual")
    assert not len(form.row_lower)
    with mosek.Env() as env, backend.build_task(env, form) as task:
        assert_holds(task, form)


def test_building_does_not_convert_arrays_entry_by_entry(recwarn):
    """MOSEK warns where an array has the wrong type and is copied slowly; building must not make it warn."""
    form = conic_form(make("softmax", True, True))
    with mosek.Env() as env, backend.build_task(env, form):
        pass
    assert not [str(warning.message) for warning in recwarn]


def test_bad_numbers_are_refused():
    """MOSEK's own check of the data (code 1473 or like) arrives as SolverError; nothing is optimised."""
    form = conic_form(make("squared", True, True))
    form.A.values[0] = np.nan
    with pytest.raises(SolverError, match="MOSEK reported code 14"):
        backend.solve_form(form, accuracy=ACCURACY, max_iter=10)


def test_mosek_certifies_the_solution_found_by_hand():
    """MOSEK's library evaluates the exact primal and dual point of the hand-made form; its optimiser does not run."""
    form, solution, value = hand_made()
    gap, primal, dual = certified(form, solution)
    assert max(gap, primal, dual) < 1e-12
    assert abs(form.cost @ solution.x + form.offset - value) < 1e-13


@SIDES
@NETWORKS
@INTERCEPTS
def test_mosek_certifies_the_point_of_another_solver(kind, side, constrained, intercept):
    """MOSEK's library evaluates Clarabel's primal and dual point in its own task; its optimiser does not run."""
    form = conic_form(make(kind, constrained, intercept), side)
    solution = clarabel.solve_form(form, accuracy=ACCURACY, max_iter=200)
    assert solution.optimal
    gap, primal, dual = certified(form, solution)
    assert gap < 10 * ACCURACY
    assert primal < 10 * ACCURACY
    assert dual < 10 * ACCURACY


@SIDES
@NETWORKS
def test_mosek_rejects_corrupted_points(kind, side, constrained):
    """MOSEK's evaluation is not blind: moved points and multipliers of the opposite sign show large violations."""
    form = conic_form(make(kind, constrained, True), side)
    solution = clarabel.solve_form(form, accuracy=ACCURACY, max_iter=200)
    moved = solution.x + 0.1
    assert certified(form, replace(solution, x=moved))[1] > 1e-2
    assert certified(form, replace(solution, rows=-solution.rows))[2] > 1e-2
    assert certified(form, replace(solution, cones=-solution.cones))[2] > 1e-2
    assert certified(form, replace(solution, rows=0.5 * solution.rows, cones=0.5 * solution.cones))[0] > 1e-2


@SIDES
@NETWORKS
@INTERCEPTS
def test_written_task_has_the_optimum_of_cvxpy(kind, side, constrained, intercept, tmp_path):
    """MOSEK writes its task to a file, read without MOSEK and solved by Clarabel, against cvxpy's own formulation."""
    form = conic_form(make(kind, constrained, intercept), side)
    with mosek.Env() as env, backend.build_task(env, form) as task:
        task.writedata(str(tmp_path / "program.jtask"))
    found = jtask_reader.solve(jtask_reader.read_jtask(tmp_path / "program.jtask"), accuracy=1e-10)
    assert found.status in ("optimal", "stalled")  # the comparison tells whether a stall was near enough
    # the dual side minimises minus the dual objective
    objective = -found.objective if side == "dual" else found.objective
    reference = optimum(kind, constrained, intercept)
    assert abs(objective - reference) < 1e-8 * reference


@pytest.mark.parametrize(
    ("kind", "n_patterns", "side"),
    [("squared", 5, "dual"), ("squared", 20, "primal"), ("binary", 5, "primal"), ("softmax", 5, "primal")],
)
@NETWORKS
@INTERCEPTS
def test_whole_path_through_a_server(kind, n_patterns, side, constrained, intercept, monkeypatch):
    """``solve`` end to end over MOSEK's remote protocol; behind the loopback server Clarabel solves, not MOSEK."""
    program = make(kind, constrained, intercept, n_patterns)
    seen = []
    with LoopbackServer(solving(seen)) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        solution = backend.solve(program, tol=1e-6, max_iter=150)
    assert server.requests == 1
    task, result = seen[0]
    assert task.parameters["NUM_THREADS"] == 1
    assert task.parameters["LOG"] == 0
    assert task.parameters["INTPNT_MAX_ITERATIONS"] == 150
    for tolerance in ("PFEAS", "DFEAS", "REL_GAP", "MU_RED"):
        assert task.parameters[f"INTPNT_CO_TOL_{tolerance}"] == pytest.approx(1e-10, rel=1e-12)
    assert len(task.c) == conic_form(program, side).n_variables
    assert solution.solver == "mosek"
    assert solution.n_iter == result.n_iter > 0
    reference = optimum(kind, constrained, intercept, n_patterns)
    assert abs(solution.objective - reference) < 1e-8 * reference
    assert solution.gap < 1e-7 * solution.objective
    assert solution.cone_violation < 1e-9
    pickle.dumps(solution)


def test_solution_of_the_hand_made_form_through_a_server(monkeypatch):
    """Values and multipliers of every kind of row and cone as the client reads them; Clarabel solves, not MOSEK."""
    form, wanted, _ = hand_made()
    with LoopbackServer(solving()) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        found = backend.solve_form(form, accuracy=ACCURACY, max_iter=100)
    assert found.optimal
    # along a curved cone a gap leaves its root of freedom to the point; a wrong sign or place is an error of order one
    for a, b in ((found.x, wanted.x), (found.rows, wanted.rows), (found.cones, wanted.cones)):
        assert np.abs(a - b).max() < 10 * math.sqrt(ACCURACY)


def test_server_stops_at_the_iteration_limit(monkeypatch):
    """Status unknown after the limit the task carries: the point comes back with its honest gap (Clarabel behind)."""
    program = make("binary", True, True)
    with LoopbackServer(solving()) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        found = backend.solve_form(conic_form(program), accuracy=ACCURACY, max_iter=5)
        solution = backend.solve(program, tol=1e-6, max_iter=5)
    assert not found.optimal
    assert solution.n_iter == found.n_iter == 5
    reference = optimum("binary", True, True)
    assert not solution.is_optimal(1e-6)
    assert solution.dual_objective < reference < solution.objective


@pytest.mark.parametrize("status", ["stalled", "max_time"])
def test_server_stops_early(status, monkeypatch):
    """Status unknown after a replayed stall or time limit, with a point of low accuracy that Clarabel found."""
    program = make("squared", True, True)
    with LoopbackServer(solving(status=status, accuracy=1e-2)) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        found = backend.solve_form(conic_form(program), accuracy=ACCURACY, max_iter=100)
        solution = backend.solve(program, tol=1e-6, max_iter=100)
    assert not found.optimal
    assert not solution.is_optimal(1e-6)
    reference = optimum("squared", True, True)
    assert solution.dual_objective < reference < solution.objective


@pytest.mark.parametrize("case", ["primal infeasible", "dual infeasible"])
def test_server_certifies_infeasibility(case, monkeypatch):
    """A form without a feasible point, or without a bound: Clarabel finds it, the client's status says which."""
    form, _, _ = hand_made()
    if case == "primal infeasible":
        form = replace(form, A=triplets([*((i, i, 1.0) for i in range(5)), (5, 0, 1.0)]))
        form.row_upper[5] = 0.5  # against 1 <= x0
    else:
        form.row_upper[1] = np.inf  # x1 has the cost -1
    with LoopbackServer(solving()) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(SolverError, match=f"certifies that the program is {case}"):
            backend.solve_form(form, accuracy=ACCURACY, max_iter=100)


@pytest.mark.parametrize(
    ("status", "message"), [("primal_ill_posed", "primal ill-posed"), ("unknown", "solution status unknown")]
)
def test_server_replies_without_a_point(status, message, monkeypatch):
    """Replayed statuses that promise no point are errors; MOSEK's optimiser does not run."""
    with LoopbackServer(solving(status=status)) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(SolverError, match=message):
            backend.solve(make("squared", True, True), tol=1e-6, max_iter=100)


def test_server_replies_without_a_solution(monkeypatch, tmp_path):
    """A reply that holds no solution at all, after a time limit, is an error; MOSEK's optimiser does not run."""
    program = make("squared", True, True)
    with mosek.Env() as env, backend.build_task(env, conic_form(program)) as task:
        task.writebsolution(str(tmp_path / "empty.bsol"), mosek.compresstype.none)
    content = (tmp_path / "empty.bsol").read_bytes()
    with LoopbackServer(lambda body: reply("MSK_RES_TRM_MAX_TIME", content)) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(SolverError, match=r"without a solution .trm_max_time"):
            backend.solve(program, tol=1e-6, max_iter=100)


@pytest.mark.parametrize(
    ("code", "number", "error"),
    [
        ("MSK_RES_ERR_LICENSE", 1000, SolverUnavailableError),
        ("MSK_RES_ERR_LICENSE_EXPIRED", 1001, SolverUnavailableError),
        ("MSK_RES_ERR_LICENSE_VERSION", 1002, SolverUnavailableError),
        ("MSK_RES_ERR_SIZE_LICENSE", 1005, SolverUnavailableError),
        ("MSK_RES_ERR_LICENSE_MAX", 1016, SolverUnavailableError),
        ("MSK_RES_ERR_LICENSE_FEATURE", 1018, SolverUnavailableError),
        ("MSK_RES_ERR_LICENSE_NO_SERVER_LINE", 1028, SolverUnavailableError),
        ("MSK_RES_ERR_SERVER_TOKEN", 8003, SolverUnavailableError),
        ("MSK_RES_ERR_SERVER_PROBLEM_SIZE", 8008, SolverUnavailableError),
        ("MSK_RES_ERR_OLDER_DLL", 1035, SolverError),
        ("MSK_RES_ERR_INTERNAL", 3000, SolverError),
        ("MSK_RES_ERR_SPACE", 1051, MemoryError),
    ],
)
def test_codes_raised_by_optimize(code, number, error, monkeypatch):
    """Response codes replayed by the server come out of the client's ``optimize`` and are told apart."""
    with LoopbackServer(failing(code)) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(error) as raised:
            backend.solve(make("squared", True, True), tol=1e-6, max_iter=100)
        url = server.url
    assert server.requests == 1
    assert type(raised.value) is error
    assert f"code {number} ({code.removeprefix('MSK_RES_').lower()})" in str(raised.value)
    assert isinstance(raised.value.__cause__, mosek.Error)
    if error is SolverUnavailableError:
        assert url in str(raised.value)


def test_server_that_is_not_one(monkeypatch):
    """The client's own errors: a web server without the protocol, one that refuses, and nobody at the address."""
    program = make("squared", True, True)
    with LoopbackServer(lambda body: b"hello") as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(SolverError, match=r"code 1050 .err_unknown"):
            backend.solve(program, tol=1e-6, max_iter=100)
    with LoopbackServer(lambda body: b"", http_status=503) as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        with pytest.raises(SolverUnavailableError, match=r"code 8002 .*503.*SKCONVRELU_MOSEK_OPTSERVER"):
            backend.solve(program, tol=1e-6, max_iter=100)
    with pytest.raises(SolverUnavailableError, match=r"code 8004 .*SKCONVRELU_MOSEK_OPTSERVER"):
        backend.solve(program, tol=1e-6, max_iter=100)


def test_a_silent_server_is_given_up(monkeypatch):
    """One that accepts and never answers costs the time it is given, once a process unless MOSEK is named."""
    program = make("squared", True, True)
    monkeypatch.setenv("SKCONVRELU_MOSEK_TIMEOUT", "0.5")
    with SilentServer() as server:
        monkeypatch.setenv(backend.OPTSERVER_VARIABLE, server.url)
        for asked in (1, 2):
            with pytest.raises(
                SolverUnavailableError, match=rf"{server.url} has not answered within 0.5 s.*SKCONVRELU_MOSEK_TIMEOUT"
            ):
                backend.solve(program, tol=1e-6, max_iter=100)
            assert server.requests == asked
        assert choose_solver("auto") == "scipy"
        model = skconvrelu.ConvexReLURegressor(1e-2, n_arrangements=5, random_state=0).fit(program.X, program.Y[:, 0])
        assert model.solver_ == "scipy"
        assert server.requests == 2
        assert backend.is_available(refresh=True)
        with pytest.warns(ConvergenceWarning, match="has not answered"):
            model.fit(program.X, program.Y[:, 0])
        assert server.requests == 3


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan"])
def test_patience_must_be_seconds(seconds, monkeypatch):
    """A limit that is none is refused by name before anything is sent."""
    monkeypatch.setenv("SKCONVRELU_MOSEK_TIMEOUT", seconds)
    monkeypatch.setenv(backend.OPTSERVER_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="SKCONVRELU_MOSEK_TIMEOUT"):
        backend.solve(make("squared", True, True), tol=1e-6, max_iter=100)


@pytest.mark.parametrize(
    "secret", ["alice:s3cret@{}", "s3cret@{}", "alice:s3cr@t:s3cret/s3cret@{}", "{}/s3cret", "{}?token=s3cret"]
)
@pytest.mark.parametrize("scheme", ["http://", "", "https://"])
def test_passwords_in_addresses_are_never_printed(secret, scheme, monkeypatch, caplog):
    """Neither messages nor causes, logs or warnings hold what may be secret in the address of a server; its host they do."""
    program = make("squared", True, True)
    monkeypatch.setenv(backend.OPTSERVER_VARIABLE, scheme + secret.format("127.0.0.1:9"))
    with pytest.raises((SolverUnavailableError, SolverError)) as raised:
        backend.solve(program, tol=1e-6, max_iter=100)
    printed = "".join(traceback.format_exception(raised.value))
    with caplog.at_level("DEBUG"), pytest.warns(ConvergenceWarning) as warned:
        skconvrelu.ConvexReLURegressor(1e-2, n_arrangements=5, refine=False, verbose=2).fit(program.X, program.Y[:, 0])
    printed += caplog.text + "".join(str(warning.message) for warning in warned)
    for part in ("s3cret", "alice", "s3cr"):
        assert part not in printed
    assert "127.0.0.1:9" in printed


def test_addresses_of_licence_servers_keep_their_ports(monkeypatch):
    """``port@host`` is no password; ``user:password@host`` is."""
    said = "no licence at {}."
    for address, shown in {
        "27000@one": "27000@one",
        "27000@one:27001@two:27002@three": "27000@one:27001@two:27002@three",
        "bob:s3cret@one": "***@one",
        "/home/me/mosek.lic": "/home/me/mosek.lic",
    }.items():
        monkeypatch.setenv("MOSEKLM_LICENSE_FILE", address)
        assert without_secrets(said.format(address)) == said.format(shown)


def test_a_server_needs_the_package_but_no_licence_here(monkeypatch, tmp_path):
    """With a server no licence is probed for, and a missing package still counts."""
    monkeypatch.setenv("MOSEKLM_LICENSE_FILE", str(tmp_path / "none.lic"))
    monkeypatch.setenv(backend.OPTSERVER_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setattr(backend, "_probe", None)
    assert backend.is_available()
    monkeypatch.setitem(sys.modules, "mosek", None)
    assert "pip install" in backend.licence_problem()


NATIVE = """
import json, os, sys
import numpy as np
from skconvrelu.losses import SquaredError
from skconvrelu.program import ConvexProgram
from skconvrelu.solvers import SolverUnavailableError, choose_solver
from skconvrelu.solvers import mosek as backend

found = {"imported": "mosek" in sys.modules, "problem": backend.licence_problem(), "auto": choose_solver("auto")}
X = np.arange(6.0).reshape(3, 2) - 2.0
program = ConvexProgram.over_patterns(X, X[:, :1], np.ones(3) / 3, X.T > 0, SquaredError(), 0.01)
for name in ("solve", "optimize"):
    try:
        backend.solve(program, tol=1e-6, max_iter=100)
    except SolverUnavailableError as error:
        found[name] = str(error), type(error.__cause__).__name__
    # from here on as if the probe had found a licence and its token had been taken since
    backend._probed[:] = [None]
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("where", "code", "remedy"),
    [
        ("missing", "1008 (err_missing_license_file)", "set MOSEKLM_LICENSE_FILE"),
        ("garbage", "1014 (err_flexlm)", "no valid licence"),
        ("closed port", "1021 (err_license_cannot_connect)", "licence server"),
    ],
)
def test_native_licence_errors(where, code, remedy, tmp_path):
    """MOSEK looks for a licence in a new process: in the probe, and in ``optimize``, which fails before it starts."""
    (tmp_path / "garbage.lic").write_text("this is no licence\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    licence = {
        "missing": str(tmp_path / "none.lic"),
        "garbage": str(tmp_path / "garbage.lic"),
        "closed port": f"{port}@127.0.0.1",
    }[where]
    root = str(Path(skconvrelu.__file__).parents[1])
    environment = {
        **{name: value for name, value in os.environ.items() if name != backend.OPTSERVER_VARIABLE},
        "HOME": str(tmp_path),
        "MOSEKLM_LICENSE_FILE": licence,
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", NATIVE], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert not found["imported"], "importing the package imports mosek"
    assert found["auto"] == "scipy"
    assert f"code {code}" in found["problem"]
    assert remedy in found["problem"]
    assert found["solve"] == [found["problem"], "NoneType"]
    assert found["optimize"][1] == "Error"
    assert f"code {code}" in found["optimize"][0]


def test_probe_is_remembered_until_it_is_refreshed(monkeypatch, tmp_path):
    """The probe asks MOSEK once; ``refresh`` asks again, and so does a solve by name after a failure."""
    (tmp_path / "garbage.lic").write_text("this is no licence\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOSEKLM_LICENSE_FILE", str(tmp_path / "none.lic"))
    assert "code 1008" in backend.licence_problem()
    monkeypatch.setenv("MOSEKLM_LICENSE_FILE", str(tmp_path / "garbage.lic"))
    assert "code 1008" in backend.licence_problem()
    assert not backend.is_available()
    assert "code 1014" in backend.licence_problem(refresh=True)
    monkeypatch.setenv("MOSEKLM_LICENSE_FILE", str(tmp_path / "none.lic"))
    assert "code 1014" in backend.licence_problem()
    with pytest.raises(SolverUnavailableError, match="code 1008"):
        backend.solve(make("squared", True, True), tol=1e-6, max_iter=100)
    assert "code 1008" in backend.licence_problem()


def test_probe_is_not_repeated_after_success(monkeypatch):
    """A licence found once is not probed for again, by question or by solve (the probe is replaced by a counter)."""
    calls = []
    monkeypatch.setattr(backend, "_probe", lambda: calls.append(1))
    monkeypatch.setattr(backend, "solve_form", lambda form, **settings: clarabel.solve_form(form, **settings))
    assert backend.is_available()
    assert backend.solve(make("squared", True, True), tol=1e-6, max_iter=100).is_optimal(1e-6)
    assert len(calls) == 1
    assert backend.is_available(refresh=True)
    assert len(calls) == 2


def test_mosek_not_installed(monkeypatch):
    """Without the package: unavailable, and solving by name names the remedy."""
    monkeypatch.setitem(sys.modules, "mosek", None)
    assert not backend.is_available()
    assert "pip install skconvrelu[mosek]" in backend.licence_problem()
    with pytest.raises(SolverUnavailableError, match="needs the package mosek"):
        backend.solve(make("squared", True, True), tol=1e-6, max_iter=100)
    with pytest.raises(SolverUnavailableError, match="needs the package mosek"):
        backend.solve_form(conic_form(make("squared", True, True)), accuracy=ACCURACY, max_iter=100)


@pytest.mark.parametrize(
    ("kind", "n_patterns", "side"),
    [("squared", 5, "dual"), ("squared", 20, "primal"), ("binary", 5, "primal"), ("softmax", 5, "primal")],
)
@NETWORKS
@INTERCEPTS
def test_real_solve(kind, n_patterns, side, constrained, intercept):
    """MOSEK's own optimiser, where there is a licence."""
    problem = backend.licence_problem()
    if problem is not None:
        pytest.skip(problem)
    solution = backend.solve(make(kind, constrained, intercept, n_patterns), tol=1e-6, max_iter=200)
    reference = optimum(kind, constrained, intercept, n_patterns)
    assert solution.is_optimal(1e-6)
    assert abs(solution.objective - reference) < 1e-6 * reference
