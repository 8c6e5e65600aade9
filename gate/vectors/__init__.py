"""Test vectors of optimizers for any language: small runs with exact results (docs/vectors.md).

``fill`` writes them from ``flowlaw.oracles.dynamics``; ``consume`` puts a *stepper* through them, an implementation of
optimizers in NumPy terms. ``numpy_stepper``, ``torch_stepper`` and ``optax_stepper`` are ready made;
``process_stepper`` asks another program.
"""

from ._consume import Hyperparameters as Hyperparameters
from ._consume import Outcome as Outcome
from ._consume import Stepper as Stepper
from ._consume import Stepping as Stepping
from ._consume import Unsupported as Unsupported
from ._consume import consume as consume
from ._fill import fill as fill
from ._load import is_spec as is_spec
from ._load import load_stepper as load_stepper
from ._numpy import numpy_stepper as numpy_stepper
from ._optax import optax_stepper as optax_stepper
from ._process import process_stepper as process_stepper
from ._read import TestVector as TestVector
from ._read import read_file as read_file
from ._read import read_folder as read_folder
from ._torch import torch_stepper as torch_stepper
