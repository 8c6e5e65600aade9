"""Any polynomial map: explicit coordinates, or a recipe that writes them out on demand."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Protocol, runtime_checkable

from .. import limits
from ..errors import BadInput
from ..polynomials import Polynomial, Rational
from ..text import shown
from ._base import Block
from ._laws import LawFamily
from ._spec import check_parameters, check_terms


@runtime_checkable
class Recipe(Protocol):
    """A family of maps, such as the symmetric factorisations. Recipes are frozen dataclasses."""

    @property
    def spec(self) -> str: ...

    @property
    def blocks(self) -> tuple[Block, ...]: ...

    def terms(self) -> int:
        """An upper bound on the number of terms of ``build``, computed without building."""
        ...

    def build(self) -> tuple[Polynomial, ...]:
        """The coordinates."""
        ...

    def known_laws(self) -> tuple[LawFamily, ...]: ...


@dataclass(frozen=True, slots=True)
class Mask:
    """Which entries of a matrix are parameters.

    ``entries`` has one item for every entry, row-major: ``None`` for a parameter, a constant for a fixed entry. The
    block of the same name has shape ``(number of parameters,)``: its parameters, in row-major order of the matrix.
    """

    name: str
    shape: tuple[int, ...]
    entries: tuple[Rational | None, ...]


@dataclass(frozen=True, slots=True)
class PolynomialMap:
    """A polynomial map given by its coordinates.

    Args:
        spec: the name of the map; ``parse_model`` reads it back for the built-in recipes and for files.
        blocks: the parameter blocks.
        polynomials: the coordinates, or a ``Recipe`` that writes them out when they are asked for.
        masks: for blocks with fixed entries, the whole matrix.

    >>> x, y = Polynomial.variable(0), Polynomial.variable(1)
    >>> PolynomialMap("product", (Block("x", (2,)),), (x * y,)).parameters
    2

    Raises:
        BadInput: no parameters, two blocks of one name, or a coordinate that uses a parameter that does not exist.
        TooLarge: more parameters than ``limits`` allows.
    """

    spec: str
    blocks: tuple[Block, ...]
    polynomials: tuple[Polynomial, ...] | Recipe
    masks: tuple[Mask, ...] = ()

    def __post_init__(self) -> None:
        names = [block.name for block in self.blocks]
        if len(set(names)) < len(names):
            raise BadInput(f"{shown(self.spec)}: two blocks have the same name. Give every block its own name.")
        if not self.parameters:
            raise BadInput(f"{shown(self.spec)} has no parameters. Give at least one block with a trained entry.")
        check_parameters(self.parameters, self.spec)
        sizes = {block.name: block.size for block in self.blocks}
        for mask in self.masks:
            if prod(mask.shape) != len(mask.entries) or sizes.get(mask.name) != mask.entries.count(None):
                raise BadInput(
                    f"{shown(self.spec)}: the mask {shown(mask.name)} does not fit a block of that name. Give it one "
                    "entry for every entry of its matrix, and a block of shape (number of parameters,)."
                )
        if isinstance(self.polynomials, tuple):
            used = {variable for polynomial in self.polynomials for variable in polynomial.variables()}
            if used and not 0 <= min(used) <= max(used) < self.parameters:
                raise BadInput(
                    f"{shown(self.spec)}: a coordinate uses parameter {max(used)}, and parameters are numbered from 0 "
                    f"to {self.parameters - 1}."
                )

    @property
    def parameters(self) -> int:
        return sum(prod(block.shape) for block in self.blocks)

    @property
    def hidden(self) -> int:
        """0: a polynomial map has no neurons."""
        return 0

    def coordinate_terms(self) -> int:
        if isinstance(self.polynomials, tuple):
            return sum(len(polynomial.terms) for polynomial in self.polynomials)
        return self.polynomials.terms()

    def coordinates(self) -> tuple[Polynomial, ...]:
        if isinstance(self.polynomials, tuple):
            return self.polynomials
        check_terms(self.coordinate_terms(), self.spec, limits.COORDINATE_TERMS, "its coordinates")
        return self.polynomials.build()

    def kernel_form(self) -> dict[str, object]:
        return {
            "kind": "polynomial",
            "parameters": self.parameters,
            "coordinates": [
                [[str(c), [list(power) for power in monomial]] for monomial, c in polynomial.terms.items()]
                for polynomial in self.coordinates()
            ],
        }

    def known_laws(self) -> tuple[LawFamily, ...]:
        return () if isinstance(self.polynomials, tuple) else self.polynomials.known_laws()


def from_recipe(recipe: Recipe) -> PolynomialMap:
    """The map of a recipe."""
    return PolynomialMap(recipe.spec, recipe.blocks, recipe)
