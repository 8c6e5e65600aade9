"""What a closed form says: the flow of ``z = phi(theta)`` in z and the initialization alone, as formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from ..errors import BadInput
from ..models import Model
from ..polynomials import Rational
from . import forms


class NotClaimed(BadInput):
    """The theory has no closed form for this model at this point; the message says which hypothesis is missing."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula in two notations.

    Attributes:
        says: what it gives, a few words.
        tex: TeX without dollar signs.
        sympy: text that SymPy reads, or an empty string where there is no scalar or matrix form. Never evaluated here.
    """

    says: str
    tex: str
    sympy: str = ""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """``z' = -K(z) grad f(z)`` with K known: what it rests on, and how it reads.

    Attributes:
        name: a slug, such as ``relaxed-balanced``.
        theorem: the id of the entry of the lawbook that proves it.
        domain: one sentence: for which z it is valid.
        formulas: in the order in which a person would use them.
        invariants: the values of the laws that enter K, by name.
    """

    name: str
    theorem: str
    domain: str
    formulas: tuple[Formula, ...]
    invariants: Mapping[str, Rational] = field(default_factory=dict[str, Rational])


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm:
    """The closed form of the reduced flow of ``model`` from ``point``, by the first module of ``forms`` that has one.

    Raises:
        NotClaimed: no form covers this model at this point.
    """
    found: ClosedForm = first_claim(modules_of(forms), "closed_form", model, point)
    return found


def first_claim(modules: Iterable[ModuleType], function: str, model: Model, point: Sequence[Rational]) -> Any:
    """What the first module answers that is about ``model`` and covers the point; a module answers by ``function``.

    Raises:
        NotClaimed: none does; the message has the reasons of those that are about the model.
    """
    reasons: list[str] = []
    for module in modules:
        try:
            found = getattr(module, function)(model, point)
        except NotClaimed as refusal:
            reasons.append(str(refusal))
            continue
        if found is not None:
            return found
    raise NotClaimed(" ".join(reasons) or f"No closed form of the reduced flow is known for {model.spec}.")


def modules_of(package: ModuleType) -> list[ModuleType]:
    """The modules of a package whose names have no underscore in front, in order."""
    names = sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))
    return [import_module(f"{package.__name__}.{name}") for name in names]
