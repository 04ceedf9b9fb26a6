"""A solver on a remote server: its address without secrets, and how long it may take to answer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from skconvrelu._checks import check_number
from skconvrelu.solvers._errors import SolverUnavailableError

_Answer = TypeVar("_Answer")

OPTSERVER_VARIABLE = "SKCONVRELU_MOSEK_OPTSERVER"
TIMEOUT_VARIABLE = "SKCONVRELU_MOSEK_TIMEOUT"

#: seconds that a server has for one program, unless the variable says otherwise: most take it a few
_SECONDS = 600.0
#: scheme, user with password, host with port, and the rest of an address
_ADDRESS = re.compile(r"([\w+.-]+://)?(?:(.*)@)?([^/?#]*)(.*)", re.DOTALL)


class ServerSilentError(SolverUnavailableError):
    """A server took too long to answer."""


def optserver() -> str:
    """The address of the server as the user set it, empty for none."""
    return os.environ.get(OPTSERVER_VARIABLE, "").strip()


def shown(address: str) -> str:
    """An address as it may be printed: without user, password, path and query."""
    scheme, _, host, _ = _parts(address)
    return scheme + host


def without_secrets(text: str) -> str:
    """A message of MOSEK, in which addresses of this process's environment are without what may be secret."""
    for address in (optserver(), os.environ.get("MOSEKLM_LICENSE_FILE", "").strip()):
        _, user, _, rest = _parts(address)
        if user and not re.fullmatch(r"\d+(@[^@]*)*", user):  # ``port@host`` of licence servers is none
            text = text.replace(f"{user}@", "***@")
        if rest.strip("/") and address == optserver():
            text = text.replace(rest, "/***")
    return text


def _parts(address: str) -> tuple[str, str, str, str]:
    match = _ADDRESS.fullmatch(address)
    assert match is not None  # every part may be empty
    return match[1] or "", match[2] or "", match[3], match[4]


def patience() -> float:
    """Seconds that a server has to answer."""
    given = os.environ.get(TIMEOUT_VARIABLE, "").strip()
    if not given:
        return _SECONDS
    try:
        seconds = float(given)
    except ValueError as error:
        raise ValueError(f"{TIMEOUT_VARIABLE} must be a number of seconds, got {given!r}.") from error
    return check_number(seconds, TIMEOUT_VARIABLE, above=0.0)


def answered(work: Callable[[], _Answer]) -> _Answer:
    """What ``work`` returns or raises, in a thread of its own, since MOSEK waits for a silent server for ever and cannot be stopped.

    Raises
    ------
    ServerSilentError
        If the server has not answered in time; the thread waits on and ends with the process.
    """
    answers: list[_Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:  # raised below, in the thread that asked
            errors.append(error)

    seconds = patience()
    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ServerSilentError(
            f"The MOSEK server {shown(optserver())} has not answered within {seconds:g} s. Check it, give it more seconds by "
            f"{TIMEOUT_VARIABLE}, or unset {OPTSERVER_VARIABLE} to solve here."
        )
    if errors:
        raise errors[0]
    return answers[0]
