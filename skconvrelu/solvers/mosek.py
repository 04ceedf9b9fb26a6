"""The MOSEK backend: the neutral cone program as a MOSEK task, solved here under a licence or on a remote server.

MOSEK and its licence are looked for when a program is solved, or when :func:`licence_problem` or
:func:`is_available` is called; importing this module does neither.

With the environment variable ``SKCONVRELU_MOSEK_OPTSERVER`` set to the URL of a MOSEK optimisation server (OptServer),
for example ``http://solver.example.org:30080``, tasks are sent there. This machine then needs the package mosek but no
licence, and none is probed for: whether the server can solve is known when it answers. It has 600 seconds for each program, or
as many as ``SKCONVRELU_MOSEK_TIMEOUT`` says; one that was silent for so long is not asked again unless MOSEK is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skconvrelu.program import ConvexProgram
from skconvrelu.solution import Solution, evaluate
from skconvrelu.solvers._errors import SolverError, SolverUnavailableError
from skconvrelu.solvers._server import (
    OPTSERVER_VARIABLE,
    ServerSilentError,
    answered,
    optserver,
    shown,
    without_secrets,
)
from skconvrelu.solvers.conic import conic_form
from skconvrelu.solvers.conic_form import ConicForm, ConicSolution
from skconvrelu.stopping import seconds_left

__all__ = ["OPTSERVER_VARIABLE", "build_task", "is_available", "licence_problem", "solve", "solve_form"]

Array = NDArray[np.float64]

_INSTALL = "solver='mosek' needs the package mosek: install it with `pip install skconvrelu[mosek]`."
_FIND_LICENCE = (
    "Put the licence file at mosek/mosek.lic in the home directory, or set MOSEKLM_LICENSE_FILE to its path or to "
    "port@host of a licence server. Licences, free of charge for academia, come from https://www.mosek.com."
)
_REMEDIES = {
    1001: "Renew the licence, and replace the file that MOSEKLM_LICENSE_FILE names (or mosek/mosek.lic at home).",
    1002: "The licence does not cover this version of MOSEK: renew it, or install the version it was issued for.",
    1014: "What MOSEKLM_LICENSE_FILE names (or the file mosek/mosek.lic at home) gives no valid licence: replace it.",
    1016: "All tokens of the licence are in use: wait for one, or use another solver.",
    1021: "Check that the licence server that MOSEKLM_LICENSE_FILE names runs and can be reached from here.",
}

# the last answer of the probe in this process: a licence server that accepts and never answers costs 20 s a probe
_probed: list[str | None] = []
# servers that did not answer in this process, and what was said then
_silent: dict[str, str] = {}


def solve(program: ConvexProgram, *, tol: float, max_iter: int, start: Solution | None = None) -> Solution:
    """Solve with MOSEK; ``start`` is not used (its interior point cannot be warm-started)."""
    # a failure remembered from an earlier probe may have been repaired since, and here MOSEK was asked for by name
    problem = licence_problem(refresh=any(_probed) or optserver() in _silent)
    if problem is not None:
        raise SolverUnavailableError(problem)
    form = conic_form(program)
    solution = solve_form(form, accuracy=min(1e-8, max(1e-4 * tol, 1e-12)), max_iter=max_iter)
    return evaluate(program, form.read(solution), solver="mosek")


def solve_form(form: ConicForm, *, accuracy: float, max_iter: int) -> ConicSolution:
    """Solve a neutral cone program, on the server that ``SKCONVRELU_MOSEK_OPTSERVER`` names if it is set.

    Parameters
    ----------
    form : ConicForm
        The program.
    accuracy : float
        Tolerance of MOSEK's interior point on both infeasibilities, the gap and the complementarity.
    max_iter : int
        Limit of its iterations.

    Returns
    -------
    ConicSolution
        ``optimal`` is False where MOSEK stopped early or stalled; the point is the one it stopped at.

    Raises
    ------
    SolverUnavailableError
        If mosek is not installed, finds no usable licence or token, or the server cannot be used or keeps silent.
    SolverError
        If MOSEK ends with anything but a point (a certificate of infeasibility, an error).
    MemoryError
        If MOSEK runs out of memory.
    """
    if not optserver():
        return _optimise(form, accuracy, max_iter)
    try:
        # all of it, so that the task of a server that keeps silent is not closed while MOSEK waits
        return answered(lambda: _optimise(form, accuracy, max_iter))
    except ServerSilentError as error:
        _silent[optserver()] = str(error)
        raise


def _optimise(form: ConicForm, accuracy: float, max_iter: int) -> ConicSolution:
    mosek = _import_mosek()
    with _translated(mosek), mosek.Env() as env, build_task(env, form) as task:
        _configure(mosek, task, accuracy, max_iter)
        termination = task.optimize()
        return _read(mosek, task, termination)


def build_task(env: Any, form: ConicForm) -> Any:
    """The neutral program as a ``mosek.Task`` of ``env``; the caller owns the task and closes it.

    Parameters
    ----------
    env : mosek.Env
    form : ConicForm

    Returns
    -------
    mosek.Task
        Row ``i`` of ``A`` is constraint ``i``, row ``i`` of ``F`` affine expression ``i``, the cones follow in order.
        MOSEK takes entries of ``A`` and ``F`` of at most 1e-12 for zeros.
    """
    mosek = _import_mosek()
    n, m, q = form.n_variables, len(form.row_lower), len(form.g)
    task = env.Task(m, n)
    task.appendvars(n)
    # a new variable is fixed at zero until it is given bounds
    task.putvarboundsliceconst(0, n, mosek.boundkey.fr, -np.inf, np.inf)
    task.putcslice(0, n, form.cost)
    task.putcfix(form.offset)
    task.putobjsense(mosek.objsense.minimize)

    task.appendcons(m)
    # bounds come in long runs of equal ones: a call for each run avoids a Python list with a key for each row
    for first, last in _runs(form.row_lower, form.row_upper):
        lower, upper = float(form.row_lower[first]), float(form.row_upper[first])
        task.putconboundsliceconst(first, last, _bound_key(mosek, lower, upper), lower, upper)
    if len(form.A.values):
        # int32 indices pass without a copy; others are converted entry by entry, twenty times slower
        task.putaijlist(form.A.rows, form.A.cols, form.A.values)

    task.appendafes(q)
    if len(form.F.values):
        task.putafefentrylist(form.F.rows.astype(np.int64), form.F.cols, form.F.values)
    task.putafegslice(0, q, form.g)
    append = {
        "quadratic": task.appendquadraticconedomain,
        "rotated": task.appendrquadraticconedomain,
        "exponential": lambda dim: task.appendprimalexpconedomain(),
    }
    # cones of a part share one domain, and all cones are appended in one call
    domains = [append[part.kind](part.dim) for part in form.cones]
    counts = [part.count for part in form.cones]
    task.appendaccsseq(np.repeat(np.asarray(domains, dtype=np.int64), counts), q, 0, None)
    return task


def licence_problem(*, refresh: bool = False) -> str | None:
    """Why MOSEK cannot solve here, or None if it can.

    A licence server that never answers costs many seconds, so the answer is remembered for the process. Where
    ``SKCONVRELU_MOSEK_OPTSERVER`` is set no licence is looked for.

    Parameters
    ----------
    refresh : bool, default=False
        Look again instead of repeating what was found before.

    Returns
    -------
    str or None
        The response code and what to do about it, or that the package is not installed; None where a licence for
        conic problems could be checked out.
    """
    server = optserver()
    if server:
        try:
            _import_mosek()
        except SolverUnavailableError as error:
            return str(error)
        if refresh:
            _silent.pop(server, None)
        return _silent.get(server)
    if refresh or not _probed:
        problem = _probe()
        _probed[:] = [problem]
    return _probed[0]


def is_available(*, refresh: bool = False) -> bool:
    """Whether MOSEK is installed and licensed here, or installed and given a server; see :func:`licence_problem`."""
    return licence_problem(refresh=refresh) is None


def _import_mosek() -> Any:
    try:
        import mosek
    except ImportError as error:
        raise SolverUnavailableError(f"{_INSTALL} (The import said: {error}.)") from error
    return mosek


def _probe() -> str | None:
    try:
        mosek = _import_mosek()
        # a private environment returns its tokens when it is closed; pton is the part that cones need
        with _translated(mosek), mosek.Env() as env:
            env.checkoutlicense(mosek.feature.pts)
            env.checkoutlicense(mosek.feature.pton)
    except SolverUnavailableError as error:
        return str(error)
    return None


@contextmanager
def _translated(mosek: Any) -> Iterator[None]:
    """MOSEK's errors as the package's, with the code, its name and for licence and server trouble the remedy."""
    try:
        yield
    except mosek.Error as error:
        if error.msg:  # the address may hold a password, and tracebacks show the cause
            error.msg = without_secrets(error.msg)
            error.args = (error.msg,)
        code = int(error.errno)
        said = f"MOSEK reported code {code} ({error.errno!r})"
        said = f"{said}: {error.msg.strip().rstrip('.')}." if error.msg else f"{said}."
        if 1000 <= code <= 1034:
            server = optserver()
            remedy = (
                f"Check the licence of the server {shown(server)}." if server else _REMEDIES.get(code, _FIND_LICENCE)
            )
            raise SolverUnavailableError(f"No usable MOSEK licence. {said} {remedy}") from error
        if 8000 <= code <= 8099:
            remedy = (
                f"Check {OPTSERVER_VARIABLE} (now {shown(optserver())!r}) and that server, or unset it to solve here."
            )
            raise SolverUnavailableError(f"The MOSEK server could not be used. {said} {remedy}") from error
        codes = mosek.rescode
        if code in (codes.err_space, codes.err_space_leaking, codes.err_space_no_info):
            # callers that answer a SolverError with another solver must not do so here
            raise MemoryError(said) from error
        raise SolverError(said) from error


def _runs(lower: Array, upper: Array) -> Iterator[tuple[int, int]]:
    """Maximal ranges of consecutive rows with equal bounds."""
    if not len(lower):
        return
    changes = (lower[1:] != lower[:-1]) | (upper[1:] != upper[:-1])
    cuts = [0, *(np.flatnonzero(changes) + 1).tolist(), len(lower)]
    yield from itertools.pairwise(cuts)


def _bound_key(mosek: Any, lower: float, upper: float) -> Any:
    if lower == upper:
        return mosek.boundkey.fx
    if np.isfinite(lower):
        return mosek.boundkey.ra if np.isfinite(upper) else mosek.boundkey.lo
    return mosek.boundkey.up if np.isfinite(upper) else mosek.boundkey.fr


def _configure(mosek: Any, task: Any, accuracy: float, max_iter: int) -> None:
    tolerances = mosek.dparam
    for name in (
        tolerances.intpnt_co_tol_pfeas,
        tolerances.intpnt_co_tol_dfeas,
        tolerances.intpnt_co_tol_rel_gap,
        tolerances.intpnt_co_tol_mu_red,
    ):
        task.putdouparam(name, accuracy)
    task.putintparam(mosek.iparam.intpnt_max_iterations, max_iter)
    # one thread: the result does not depend on the machine, and callers run programs side by side
    task.putintparam(mosek.iparam.num_threads, 1)
    task.putintparam(mosek.iparam.log, 0)
    if np.isfinite(seconds_left()):
        task.putdouparam(mosek.dparam.optimizer_max_time, seconds_left())
    server = optserver()
    if server:
        task.putoptserverhost(server)


def _read(mosek: Any, task: Any, termination: Any) -> ConicSolution:
    """The interior point solution; MOSEK's multipliers have the signs that ConicSolution asks for."""
    interior, status, reason = mosek.soltype.itr, mosek.solsta, mosek.rescode
    if not task.solutiondef(interior):
        raise SolverError(f"MOSEK stopped without a solution ({termination!r}).")
    found = task.getsolsta(interior)
    certificates = {
        status.prim_infeas_cer: "primal infeasible",
        status.dual_infeas_cer: "dual infeasible (unbounded)",
        status.prim_illposed_cer: "primal ill-posed",
        status.dual_illposed_cer: "dual ill-posed",
    }
    if found in certificates:
        raise SolverError(f"MOSEK certifies that the program is {certificates[found]} ({found!r}).")
    early = (
        reason.trm_stall,
        reason.trm_max_iterations,
        reason.trm_max_time,
        reason.trm_server_max_time,
        reason.trm_max_num_setbacks,
        reason.trm_numerical_problem,
    )
    points = (status.unknown, status.prim_feas, status.dual_feas, status.prim_and_dual_feas)
    if found != status.optimal and not (found in points and termination in early):
        raise SolverError(f"MOSEK ended with solution status {found!r} ({termination!r}).")
    x, rows, cones = (
        np.asarray(values, dtype=np.float64)
        for values in (task.getxx(interior), task.gety(interior), task.getaccdotys(interior))
    )
    if not (np.isfinite(x).all() and np.isfinite(rows).all() and np.isfinite(cones).all()):
        raise SolverError(f"MOSEK's solution is not finite ({found!r}, {termination!r}).")
    return ConicSolution(
        x=x,
        rows=rows,
        cones=cones,
        n_iter=int(task.getintinf(mosek.iinfitem.intpnt_iter)),
        optimal=bool(found == status.optimal),
    )
