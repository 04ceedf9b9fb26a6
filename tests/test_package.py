"""Importing the package is cheap and quiet."""

import subprocess
import sys

import skconvrelu


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120).stdout


def test_import_and_fit_load_no_optional_package():
    code = (
        "import sys, skconvrelu, numpy as np\n"
        "for name in ('mosek', 'clarabel', 'matplotlib', 'cvxpy'):\n"
        "    assert name not in sys.modules, name\n"
        "skconvrelu.ConvexReLURegressor(solver='scipy').fit(np.arange(6.0).reshape(3, 2), np.arange(3.0))\n"
        "for name in ('mosek', 'clarabel', 'matplotlib'):\n"
        "    assert name not in sys.modules, name\n"
    )
    run(code)


def test_automatic_choice_without_mosek_is_the_scipy_solver():
    code = (
        "import sys\n"
        "sys.modules['mosek'] = None\n"
        "import numpy as np, skconvrelu\n"
        "X, y = np.random.default_rng(0).standard_normal((20, 2)), np.arange(20.0)\n"
        "print(skconvrelu.ConvexReLURegressor(0.01, random_state=0).fit(X, y).solver_)\n"
        "try:\n"
        "    skconvrelu.ConvexReLURegressor(0.01, solver='mosek').fit(X, y)\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
    )
    first, second = run(code).strip().split("\n")
    assert first == "scipy"
    assert "pip install skconvrelu[mosek]" in second


def test_public_names():
    assert set(skconvrelu.__all__) == {
        "BetaMax",
        "BetaPath",
        "Certificate",
        "ConvexReLUClassifier",
        "ConvexReLUClassifierCV",
        "ConvexReLURegressor",
        "ConvexReLURegressorCV",
        "NetworkAudit",
        "__version__",
        "beta_max",
        "certify_network",
        "convex_relu_path",
    }
    for name in skconvrelu.__all__:
        assert hasattr(skconvrelu, name)
