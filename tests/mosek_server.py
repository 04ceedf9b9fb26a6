"""A server on the loopback address that speaks MOSEK's remote optimisation protocol, with Clarabel behind it.

It lets a MOSEK client without a licence run its whole path: the task travels as a client sends it to a real server, and
the reply comes back as from one. MOSEK's optimiser itself runs neither here nor in the client.
"""

import http.server
import socket
import sys
import tempfile
import threading
from pathlib import Path

import jtask_reader
import mosek
import numpy as np

# a result's status: termination code, problem status and solution status of the reply
REPLIES = {
    "optimal": ("MSK_RES_OK", "PRIM_AND_DUAL_FEAS", "OPTIMAL"),
    "stalled": ("MSK_RES_TRM_STALL", "UNKNOWN", "UNKNOWN"),
    "max_iterations": ("MSK_RES_TRM_MAX_ITERATIONS", "UNKNOWN", "UNKNOWN"),
    "max_time": ("MSK_RES_TRM_MAX_TIME", "UNKNOWN", "UNKNOWN"),
    "primal_infeasible": ("MSK_RES_OK", "PRIM_INFEAS", "PRIM_INFEAS_CER"),
    "dual_infeasible": ("MSK_RES_OK", "DUAL_INFEAS", "DUAL_INFEAS_CER"),
    "primal_ill_posed": ("MSK_RES_OK", "ILL_POSED", "PRIM_ILLPOSED_CER"),
    "unknown": ("MSK_RES_OK", "UNKNOWN", "UNKNOWN"),
}


class LoopbackServer:
    """Serves tasks while its ``with`` block runs; ``url`` is what a client is given.

    Parameters
    ----------
    answer : callable
        From the bytes of a request (a compressed task) to those of the reply; see :func:`solving` and :func:`failing`.
    http_status : int
        Status of every reply.
    """

    def __init__(self, answer, http_status=200):
        self.requests = 0
        self._errors = errors = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.requests += 1
                assert self.path == "/api/v1/submit+solve"
                assert self.headers["Content-Type"] == "application/x-mosek-task+zstd"
                reply = answer(_dechunk(self.rfile))
                self.send_response(http_status)
                self.send_header("Content-Type", "application/x-mosek-multiplex")
                self.send_header("Content-Length", str(len(reply)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format, *args):
                pass

        class Server(http.server.HTTPServer):
            def handle_error(self, request, client_address):
                errors.append(sys.exc_info()[1])

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._errors:
            raise self._errors[0]


class SilentServer:
    """Accepts connections while its ``with`` block runs, and never answers; ``requests`` counts them."""

    def __init__(self):
        self.requests, self._connections = 0, []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self):
        while True:
            connection, _ = self._socket.accept()
            self._connections.append(connection)
            if self._closing:
                return
            self.requests += 1

    def __enter__(self):
        self._closing = False
        self._thread.start()
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self._closing = True
        self._connections.append(socket.create_connection(self._socket.getsockname()))
        self._thread.join()
        for connection in [*self._connections, self._socket]:
            connection.close()


def solving(seen=None, *, status=None, accuracy=None):
    """An answer that decodes the task, solves it with Clarabel as its parameters ask, and replies with the point.

    Parameters
    ----------
    seen : list, optional
        Receives a pair (parsed task, result) for every request.
    status : str, optional
        A key of ``REPLIES`` to claim instead of what Clarabel reported.
    accuracy : float, optional
        Accuracy of the solution instead of the one the task asks for.
    """

    def answer(body):
        with tempfile.TemporaryDirectory() as folder, mosek.Env() as env, env.Task() as task:
            packed, plain = Path(folder, "request.task.zst"), Path(folder, "request.jtask")
            packed.write_bytes(body)
            task.readdata(str(packed))
            task.writedata(str(plain))
            parsed = jtask_reader.read_jtask(plain)
            wanted = parsed.parameters["INTPNT_CO_TOL_REL_GAP"] if accuracy is None else accuracy
            result = jtask_reader.solve(
                parsed, accuracy=wanted, max_iter=int(parsed.parameters["INTPNT_MAX_ITERATIONS"])
            )
            if seen is not None:
                seen.append((parsed, result))
            termination, problem, solution = REPLIES[status or result.status]
            return reply(termination, _bsolution(task, result, problem, solution, Path(folder, "reply.bsol")))

    return answer


def failing(code, text="replayed"):
    """An answer that refuses every task with a response code such as ``MSK_RES_ERR_LICENSE_EXPIRED``."""
    return lambda body: _frames(b"log\n\n") + _frames(f"fail\nres:{code}\n\n{text}".encode())


def reply(termination, content):
    """The multiplexed messages of a finished optimisation."""
    head = f"ok\ntrm:{termination}\ncontent-type:application/x-mosek-b\n\n".encode()
    return _frames(b"log\n\n") + _frames(head + content)


def _frames(message):
    """A message in frames of at most 32767 bytes: two bytes of length before each, the top bit set on the last."""
    frames = []
    for start in range(0, len(message), 0x7FFF):
        piece = message[start : start + 0x7FFF]
        last = start + 0x7FFF >= len(message)
        frames.append((len(piece) | (0x8000 if last else 0)).to_bytes(2, "big") + piece)
    return b"".join(frames)


def _dechunk(stream):
    """The body of a request with chunked transfer encoding."""
    chunks = []
    while size := int(stream.readline().split(b";")[0], 16):
        chunks.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(chunks)


def _bsolution(task, result, problem_status, solution_status, path):
    """The solution in MOSEK's binary format; no call sets a status, so the one that was written is replaced."""
    x, rows, cones = (
        np.nan_to_num(values) if "infeasible" in result.status else values
        for values in (result.x, result.rows, result.cones)
    )
    inject(task, x, rows, cones)
    task.writebsolution(str(path), mosek.compresstype.none)
    content = path.read_bytes()
    old = b"[B[B" + _text("UNKNOWN") + _text("UNKNOWN")
    assert content.count(old) == 1
    content = content.replace(old, b"[B[B" + _text(problem_status) + _text(solution_status))
    # integer information items follow their names as one array of 32-bit numbers behind a length of two bytes
    last = mosek.iinfitem.values[-1].__name__.upper().encode()
    start = content.index(last) + len(last) + 2
    size = int.from_bytes(content[start - 2 : start], "big") & 0x1FFF
    assert size == 4 * len(mosek.iinfitem.values)
    place = start + 4 * int(mosek.iinfitem.intpnt_iter)
    return content[:place] + result.n_iter.to_bytes(4, "little") + content[place + 4 :]


def _text(value):
    assert len(value) < 32  # longer ones have a longer length field
    return bytes([len(value)]) + value.encode()


def inject(task, x, rows, cones):
    """Give a task an interior point solution with multipliers in MOSEK's signs, each row's on the bounds it has."""
    m, n = task.getnumcon(), task.getnumvar()
    values = np.zeros(m)
    for i, j, a in zip(*task.getatrip(), strict=True):
        values[i] += a * x[j]
    lower, upper = np.zeros(m), np.zeros(m)
    keys = task.getconboundslice(0, m)[0] if m else []
    for i, key in enumerate(keys):
        if key == mosek.boundkey.lo:
            lower[i] = rows[i]
        elif key == mosek.boundkey.up:
            upper[i] = -rows[i]
        elif key != mosek.boundkey.fr:
            lower[i], upper[i] = max(rows[i], 0.0), max(-rows[i], 0.0)
    unknown = [mosek.stakey.unk]
    none = np.zeros(n)
    task.putsolutionnew(
        mosek.soltype.itr, unknown * m, unknown * n, [], values, x, rows, lower, upper, none, none, none, cones
    )
