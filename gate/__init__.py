"""Other people's training code under the same checks: targets, their symmetries, and the laws of their steps.

A ``Target`` is an implementation as data and a few callables in NumPy terms. A ``Family`` is a set of charges that
belong to its symmetries. Adapters make targets of PyTorch modules, JAX losses, NumPy functions and other programs.
"""

from __future__ import annotations

from .findings import Finding as Finding
from .findings import Verdict as Verdict
from .symmetry import Family as Family
from .symmetry import Marginal as Marginal
from .symmetry import Mixing as Mixing
from .symmetry import Scalings as Scalings
from .symmetry import Shifts as Shifts
from .symmetry import Slot as Slot
from .target import Target as Target
