"""With ``verbose`` every line is printed once, however the user has set up logging."""

import subprocess
import sys

import pytest

FIT = (
    "import numpy as np, skconvrelu\n"
    "X = np.linspace(-1.0, 1.0, 8)[:, None]\n"
    "skconvrelu.ConvexReLURegressor(1e-1, n_arrangements=3, refine=False, verbose=1, random_state=0).fit(X, X[:, 0])\n"
)

SETUPS = {
    "nothing": "",
    "basicConfig": "import logging; logging.basicConfig()",
    "basicConfig to stdout": "import logging, sys; logging.basicConfig(stream=sys.stdout)",
    "basicConfig to a file": "import logging, os; logging.basicConfig(filename=os.devnull)",
    "a console that shows warnings only": (
        "import logging; logging.basicConfig(); logging.getLogger().handlers[0].setLevel(logging.WARNING)"
    ),
    "a handler of the package": "import logging; logging.getLogger('skconvrelu').addHandler(logging.StreamHandler())",
    "both": (
        "import logging; logging.basicConfig(filename='/dev/null')\n"
        "logging.getLogger('skconvrelu').addHandler(logging.StreamHandler())"
    ),
    "no propagation": "import logging; logging.basicConfig(); logging.getLogger('skconvrelu').propagate = False",
    "rich": "import logging; from rich.logging import RichHandler; logging.basicConfig(handlers=[RichHandler()])",
}


@pytest.mark.parametrize("setup", SETUPS)
def test_every_line_is_printed_once(setup):
    if setup == "rich":
        pytest.importorskip("rich")
    done = subprocess.run(
        [sys.executable, "-c", f"{SETUPS[setup]}\n{FIT}"], check=True, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout + done.stderr).count("solver scipy") == 1
    if setup not in ("rich", "basicConfig to stdout"):
        assert done.stdout == ""


def test_handlers_to_files_get_the_lines_too(tmp_path):
    log = tmp_path / "fit.log"
    code = f"import logging\nlogging.basicConfig(filename={str(log)!r})\n{FIT}"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stderr.count("hidden units of") == log.read_text().count("hidden units of") == 1
