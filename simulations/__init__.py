"""Trajectories of the models, from exact rational steps to batched floats. Nothing here decides anything.

==================  =============================================================  ==========================
``exact_steps``     gradient steps over Q                                          exact
``certified_flow``  gradient flow with a proved error bound, at all times          balls (python-flint)
``enclose_flow``    a flow with roots and quotients, with a proved error bound     balls (python-flint)
``taylor_flow``     gradient flow to many digits; ``odefun_flow`` is independent   uncertified
``integrate``       Euler, RK4, Gauss, extrapolation; ``drift_ladder``             float64, bounded rounding
``batched_steps``   gradient descent on many cases at once                         torch, float64 or float32
==================  =============================================================  ==========================

Importing this package loads none of numpy, python-flint, mpmath and torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._generic_batch import GenericEngine as GenericEngine
    from ._generic_batch import polynomial_energy as polynomial_energy
    from ._linear_batch import LaneEngine as LaneEngine
    from ._linear_batch import LinearBatch as LinearBatch
    from ._linear_batch import ProductEngine as ProductEngine
    from ._torch import DeviceMissing as DeviceMissing
    from ._trajectory import Enclosure as Enclosure
    from ._trajectory import Trajectory as Trajectory
    from ._trajectory import load as load
    from ._trajectory import save as save
    from .balls import CertifiedFlow as CertifiedFlow
    from .balls import certified_flow as certified_flow
    from .balls import certify as certify
    from .batched import batched_steps as batched_steps
    from .enclosures import EnclosedFlow as EnclosedFlow
    from .enclosures import certify_curve as certify_curve
    from .enclosures import enclose_flow as enclose_flow
    from .exact import exact_steps as exact_steps
    from .exact import step_residuals as step_residuals
    from .fields import CompiledPolynomials as CompiledPolynomials
    from .fields import FloatField as FloatField
    from .fields import float_point as float_point
    from .fields import roundoff_bound as roundoff_bound
    from .fields import step_rounding as step_rounding
    from .high_precision import odefun_flow as odefun_flow
    from .high_precision import taylor_flow as taylor_flow
    from .integrators import ADAPTIVE as ADAPTIVE
    from .integrators import EULER as EULER
    from .integrators import GAUSS2 as GAUSS2
    from .integrators import METHODS as METHODS
    from .integrators import MIDPOINT as MIDPOINT
    from .integrators import RK4 as RK4
    from .integrators import Ladder as Ladder
    from .integrators import drift_ladder as drift_ladder
    from .integrators import euler_drift as euler_drift
    from .integrators import integrate as integrate
    from .integrators import rounding_drift as rounding_drift
    from .networks import DataLoss as DataLoss
    from .networks import ReluNetwork as ReluNetwork
    from .objective import Loss as Loss
    from .objective import Objective as Objective

_HOMES = {
    "_generic_batch": ("GenericEngine", "polynomial_energy"),
    "_linear_batch": ("LaneEngine", "LinearBatch", "ProductEngine"),
    "_torch": ("DeviceMissing",),
    "_trajectory": ("Enclosure", "Trajectory", "load", "save"),
    "balls": ("CertifiedFlow", "certified_flow", "certify"),
    "batched": ("batched_steps",),
    "enclosures": ("EnclosedFlow", "certify_curve", "enclose_flow"),
    "exact": ("exact_steps", "step_residuals"),
    "fields": ("CompiledPolynomials", "FloatField", "float_point", "roundoff_bound", "step_rounding"),
    "high_precision": ("odefun_flow", "taylor_flow"),
    "integrators": (
        "ADAPTIVE",
        "EULER",
        "GAUSS2",
        "METHODS",
        "MIDPOINT",
        "RK4",
        "Ladder",
        "drift_ladder",
        "euler_drift",
        "integrate",
        "rounding_drift",
    ),
    "networks": ("DataLoss", "ReluNetwork"),
    "objective": ("Loss", "Objective"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
