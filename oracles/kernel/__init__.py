"""The part everybody has to trust: exact integers and rationals, nothing else.

Imports the standard library and numpy's integers only. ``verify`` takes a certificate as parsed JSON, ``verify_text``
as it stands in a file; both answer with a ``Judgement`` and never raise. The polynomial arithmetic that certificates
are made of loads at once, the checks only when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._polynomial import Monomial as Monomial
from ._polynomial import Polynomial as Polynomial
from ._polynomial import Rational as Rational
from ._polynomial import orthogonality as orthogonality

if TYPE_CHECKING:
    from ._claims import Judgement as Judgement
    from ._claims import verify as verify
    from ._claims import verify_text as verify_text


def __getattr__(name: str) -> object:
    if name in ("Judgement", "verify", "verify_text"):
        from . import _claims

        return getattr(_claims, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
