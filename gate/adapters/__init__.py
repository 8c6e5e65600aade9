"""Targets made of what people train with: NumPy functions, PyTorch modules, JAX losses with optax.

Nothing is imported before it is asked for: torch and jax are optional.
"""

from __future__ import annotations

from .jax import RootOfSum as RootOfSum
from .jax import optax_target as optax_target
from .numpy import numpy_target as numpy_target
from .torch import describe as describe
from .torch import torch_target as torch_target

__all__ = ("RootOfSum", "describe", "numpy_target", "optax_target", "torch_target")  # not the modules torch and numpy
