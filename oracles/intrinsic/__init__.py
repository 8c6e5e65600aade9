"""Intrinsic dynamics: when the flow of ``z = phi(theta)`` depends on z and the initialization alone, and what it is."""

from ._closed_form import ClosedForm as ClosedForm
from ._closed_form import Formula as Formula
from ._closed_form import NotClaimed as NotClaimed
from ._closed_form import closed_form as closed_form
