"""Other people's training code under the same checks: targets, their symmetries, and the laws of their steps.

A ``Target`` is an implementation as data and a few callables in NumPy terms. A ``Family`` is a set of charges that
belong to its symmetries. Adapters make targets of PyTorch modules, JAX losses, NumPy functions and other programs.
"""

from __future__ import annotations

from .adapters import RootOfSum as RootOfSum
from .adapters import describe as describe
from .adapters import numpy_target as numpy_target
from .adapters import optax_target as optax_target
from .adapters import torch_target as torch_target
from .check import check as check
from .errors import TargetError as TargetError
from .findings import Finding as Finding
from .findings import Verdict as Verdict
from .symmetry import Family as Family
from .symmetry import Marginal as Marginal
from .symmetry import Mixing as Mixing
from .symmetry import Scalings as Scalings
from .symmetry import Shifts as Shifts
from .symmetry import Slot as Slot
from .target import Target as Target
from .watch import LawViolated as LawViolated
from .watch import LawWarning as LawWarning
from .watch import Watch as Watch
from .watch import watch as watch
