"""Fits with the package of the source tree that is the first argument: pickled fits come in, weights and CPU seconds go out.

A fit is ``(estimator, parameters, X, y)``; the answer is the hidden and output weights, or the objective of a gated network, and the
seconds. It uses nothing but the public interface, so that old versions can be asked.
"""

import pickle
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from threadpoolctl import threadpool_limits

import skconvrelu

if not Path(skconvrelu.__file__).is_relative_to(sys.argv[1]):
    raise RuntimeError(f"skconvrelu comes from {skconvrelu.__file__}, not from {sys.argv[1]}")
warnings.simplefilter("ignore")
with threadpool_limits(limits=1):
    while True:
        try:
            estimator, parameters, X, y = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        begin = time.process_time()
        model = getattr(skconvrelu, estimator)(**parameters).fit(X, y)
        seconds = time.process_time() - begin
        gated = parameters.get("activation") == "gated_relu"
        found = model.objective_ if gated else (*model.coefs_, *model.intercepts_)
        pickle.dump((found, seconds), sys.stdout.buffer)
        sys.stdout.buffer.flush()
