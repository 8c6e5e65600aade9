"""The matrices of parameters whose ranks decide whether a point is generic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from random import Random

from ...oracles.models import Block, DeepLinear, Model
from ...oracles.polynomials import Rational

Point = tuple[Fraction, ...]
Stack = tuple[tuple[int, ...], ...]
"""A matrix of numbers of parameters, row by row."""


def stacks(model: Model) -> tuple[Stack, ...]:
    """The blocks as matrices; for linear networks also ``(U_i ; U_(i+1)^T)`` for each hidden layer, which come first.

    A hidden layer of a linear network has the laws of the theory only where its stack has full rank
    (A1.two-layer-linear.rank-deficient). A block with one axis is one row; further axes are joined to the second.
    """
    starts = list(accumulate((block.size for block in model.blocks), initial=0))
    blocks = tuple(_rows(block, start) for block, start in zip(model.blocks, starts, strict=False))
    if not isinstance(model, DeepLinear):
        return blocks
    layers = tuple((*first, *zip(*second, strict=True)) for first, second in pairwise(blocks))
    return layers + blocks


def is_generic(model: Model, point: Sequence[Rational]) -> bool:
    """Whether no parameter is zero and every stack has full rank; exact.

    Necessary for a point to be generic, not sufficient: brackets may still drop in rank.
    """
    return all(point) and all(rank_of(stack, point) == full_rank(stack) for stack in stacks(model))


def full_rank(stack: Stack) -> int:
    return min(len(stack), len(stack[0]))


def rank_of(stack: Stack, point: Sequence[Rational]) -> int:
    """The exact rank of a stack at a point."""
    from flint import fmpq, fmpq_mat

    if full_rank(stack) == 1:
        return int(any(point[k] for row in stack for k in row))
    entries = [Fraction(point[k]) for row in stack for k in row]
    matrix = fmpq_mat(len(stack), len(stack[0]), [fmpq(x.numerator, x.denominator) for x in entries])
    return int(matrix.rank())


def made_generic(model: Model, point: Sequence[Rational], steps: Sequence[Rational]) -> Point:
    """The point itself if it is generic, else with small multiples, not negative, of ``steps`` added until it is.

    The same point always moves in the same way. No step may be zero.
    """
    attempt, candidate = 0, tuple(Fraction(x) for x in point)
    while not is_generic(model, candidate):
        attempt += 1
        random = Random(attempt)
        multiples = [random.randint(0, 3 + attempt) for _ in point]
        candidate = tuple(Fraction(x) + s * k for x, s, k in zip(point, steps, multiples, strict=True))
    return candidate


def _rows(block: Block, start: int) -> Stack:
    rows = block.shape[0] if len(block.shape) > 1 else 1
    columns = block.size // rows
    return tuple(tuple(start + i * columns + j for j in range(columns)) for i in range(rows))
