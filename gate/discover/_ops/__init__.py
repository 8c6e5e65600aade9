"""What each operation of a graph says of exponents; importing it fills the table of rules."""

from __future__ import annotations

from . import _blocks, _convolutions, _entrywise, _layout, _norms, _products
from ._convolutions import facets as facets
from ._entrywise import pool as pool
from ._entrywise import same as same
from ._known import NONLINEAR as NONLINEAR
from ._known import POOLS as POOLS
from ._known import SAME as SAME
from ._known import SHAPES as SHAPES
from ._rules import RULES as RULES

FILLED_BY = (_blocks, _convolutions, _entrywise, _layout, _norms, _products)
"""The modules whose rules are in the table."""
