"""What every model offers: named parameter blocks and a polynomial reparametrization ``phi``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol, runtime_checkable

from ..polynomials import Polynomial


@dataclass(frozen=True, slots=True)
class Block:
    """One named array of parameters. Parameters are numbered block by block, row-major inside a block."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)


@runtime_checkable
class Model(Protocol):
    """A reparametrization ``phi : R^D -> R^d`` through which every loss sees the parameters.

    Models are frozen dataclasses; ``spec`` is their canonical short form and names them everywhere.
    """

    @property
    def spec(self) -> str:
        """The canonical short form, which ``parse_model`` reads back; for example ``linear:4-5-2``."""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]: ...

    @property
    def parameters(self) -> int:
        """D, the number of parameters. Never enumerates them."""
        ...

    def coordinate_terms(self) -> int:
        """An upper bound on the number of terms that ``coordinates`` would create, computed without creating them."""
        ...

    def coordinates(self) -> tuple[Polynomial, ...]:
        """The coordinates of ``phi`` as explicit polynomials in the parameters.

        The gradients of these coordinates span ``W_phi``: where a loss sees only some directions of the output
        (cross-entropy on logits, A1.loss-span), only those combinations are listed.

        Raises:
            TooLarge: more than ``limits.COORDINATE_TERMS`` terms would be needed.
        """
        ...

    def kernel_form(self) -> Mapping[str, object]:
        """The model as a JSON object that the kernel reads (see docs/certificates.md)."""
        ...
