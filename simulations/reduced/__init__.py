"""Reduced flows: ``z = phi(theta)`` integrated without the parameters, and held against the full flow.

One family of models a module (no underscore), each with ``reduced_flow(model, point) -> ReducedFlow | None``; the
formulas are those of ``oracles.intrinsic.forms``.
"""

from ._base import Covector as Covector
from ._base import ReducedFlow as ReducedFlow
from ._base import covector as covector
from ._base import reduced_flow as reduced_flow
from ._compare import Comparison as Comparison
from ._compare import compare as compare
from ._compare import compare_fields as compare_fields
