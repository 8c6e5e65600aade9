"""Linear networks of any depth at a rational point: is the balance relaxed, and which closed form covers it?

Notation: ``phi = U_1 ... U_L``, the output first; ``U_j^T U_j - U_(j+1) U_(j+1)^T = mu_j I`` for the hidden layers j,
counted from the output. The papers count from the input: ``W_i = U_(L+1-i)`` and ``lambda_i = mu_(L-i)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

from ...errors import BadInput, TooLarge
from ...models import DeepLinear
from ...polynomials import Rational
from .._closed_form import NotClaimed

if TYPE_CHECKING:
    from flint import fmpq, fmpq_mat

Domain = Literal["balanced", "equal", "bottleneck"]
"""Where a closed form holds: all mu are zero; all widths are equal; or all hidden widths are r = rank Z, which is at
most both outer widths."""

WORK = 20_000_000
"""The largest number of exact multiplications that the decision may cost."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a closed form keeps of the initialization.

    Attributes:
        domain: which of the three cases.
        shape: of Z, outputs first.
        mus: of the hidden layers, from the output on; one less than there are layers.
        rank: of Z at the initialization. In the domains ``balanced`` and ``bottleneck`` the form holds while the rank
            stays what it is; in the domain ``equal`` it does not matter.
    """

    domain: Domain
    shape: tuple[int, int]
    mus: tuple[Rational, ...]
    rank: int

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return len(self.mus) + 1

    @property
    def shifts(self) -> tuple[Rational, ...]:
        """``tau_j = mu_1 + ... + mu_(j-1)``: the squared singular values of U_j are ``x - tau_j``."""
        return tuple(accumulate(self.mus, initial=0))


def chain_at(model: DeepLinear, point: Sequence[Rational]) -> Chain:
    """Decides over Q which closed form covers ``model`` at ``point``.

    Raises:
        NotClaimed: none does; the message names the missing hypothesis.
        BadInput: the point has another number of parameters.
        TooLarge: the exact decision would cost more than ``WORK`` multiplications.
    """
    if len(point) != model.parameters:
        raise BadInput(f"{model.spec} has {model.parameters} parameters and the point has {len(point)}. Give each one.")
    if model.logits:
        raise NotClaimed(
            f"{model.spec}: the closed forms are about all entries of phi, and cross-entropy on logits sees only "
            "differences of them. Leave out +logits."
        )
    widths = model.widths
    hidden = widths[1:-1]
    check_work(widths, model.spec)
    layers = factors(model, point)
    mus = tuple(_multiple(j, left, right) for j, (left, right) in enumerate(pairwise(layers), 1))
    product = layers[0]
    for layer in layers[1:]:
        product = product * layer
    rank = int(product.rank())
    shape = (widths[0], widths[-1])
    if not any(mus):
        return Chain("balanced", shape, mus, rank)
    if len(set(widths)) == 1:
        return Chain("equal", shape, mus, rank)
    if len(set(hidden)) > 1 or hidden[0] > min(shape):
        raise NotClaimed(
            f"{model.spec}: the balance is relaxed, by {_listed(mus)}, but not zero. Then a closed form is known where "
            "all widths are equal, or where all hidden widths are equal and at most both outer ones. Choose such "
            "widths, or a balanced point."
        )
    if rank < hidden[0]:
        raise NotClaimed(
            f"{model.spec}: phi has rank {rank} here and the hidden layers have width {hidden[0]}. The balance is "
            f"relaxed, by {_listed(mus)}, but not zero, and then the closed form needs phi of rank {hidden[0]}."
        )
    return Chain("bottleneck", shape, mus, rank)


def check_work(widths: Sequence[int], spec: str) -> None:
    """Refuses products that cost too much: the balance of every hidden layer, and Z."""
    cost = sum((a + c) * b * b for a, b, c in zip(widths, widths[1:], widths[2:], strict=False))
    cost += sum(widths[0] * a * b for a, b in pairwise(widths))
    if cost > WORK:
        raise TooLarge(
            f"{spec}: deciding whether the balance is relaxed would take {cost} exact multiplications, more than "
            f"{WORK}. Take smaller widths."
        )


def factors(model: DeepLinear, point: Sequence[Rational]) -> list[fmpq_mat]:
    """``U_1, ..., U_L`` as exact matrices."""
    from flint import fmpq, fmpq_mat

    found: list[fmpq_mat] = []
    start = 0
    for rows, columns in pairwise(model.widths):
        entries = [Fraction(x) for x in point[start : start + rows * columns]]
        found.append(fmpq_mat(rows, columns, [fmpq(x.numerator, x.denominator) for x in entries]))
        start += rows * columns
    return found


def fraction(value: fmpq) -> Rational:
    """The number as Python has it, an ``int`` where it is whole."""
    whole = int(value.q) == 1
    return int(value.p) if whole else Fraction(int(value.p), int(value.q))


def _multiple(j: int, left: fmpq_mat, right: fmpq_mat) -> Rational:
    """mu with ``left^T left - right right^T = mu I``."""
    balance = left.transpose() * left - right * right.transpose()
    side = balance.nrows()
    for a in range(side):
        for b in range(side):
            if balance[a, b] != (balance[0, 0] if a == b else 0):
                named = f"U{j}.T*U{j} - U{j + 1}*U{j + 1}.T"
                wrong = (
                    f"its diagonal holds {balance[0, 0]} and {balance[a, b]}"
                    if a == b
                    else f"its entry [{a + 1},{b + 1}] is {balance[a, b]}"
                )
                raise NotClaimed(
                    f"The balance is not relaxed: {named} must be a multiple of the identity, and {wrong}. "
                    "No closed form is claimed at such a point."
                )
    return fraction(balance[0, 0])


def _listed(mus: Sequence[Rational]) -> str:
    return ", ".join(map(str, mus))
