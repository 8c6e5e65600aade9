"""Rational points at which every balance matrix is a multiple of the identity, exactly.

Two layers: ``sigma^2 - tau^2 = lambda`` has the rational points ``(t + lambda/t)/2, (t - lambda/t)/2``; columns of one
factor alone need orthogonal rational vectors whose squared length is the absolute value of lambda. Deep networks:
squared sizes ``x_1, ..., x_L`` with ``x_i - x_(i+1) = lambda_i``, each the square of a number, or the norm of a 2 x 2
or 4 x 4 block. A seed other than 0 turns outputs, inputs and hidden layers by rational rotations, which keeps relaxed
balance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count, islice
from math import isqrt
from random import Random

from ...errors import BadInput
from ...models import DeepLinear
from ...polynomials import Rational
from ..linear.matrices import Matrix, cayley, product, skew, transposed, zeros

_SEARCH = 40_000
_NUMBER = 10**6
"""Numerators and denominators of LAMBDA up to which rational points are searched for."""


def balanced(model: DeepLinear, seed: int = 0) -> list[Matrix]:
    """All balance matrices zero, any widths: the singular values 1, 2, ... of every factor are the same."""
    least = min(model.widths)
    factors: list[Matrix] = [
        [[(i + 1 if i == j and i < least else 0) for j in range(width)] for i in range(height)]
        for height, width in zip(model.widths, model.widths[1:], strict=False)
    ]
    return _rotated(model, factors, seed)


def relaxed(model: DeepLinear, lambdas: Sequence[Fraction], seed: int = 0) -> list[Matrix]:
    """``U_i^T U_i - U_(i+1) U_(i+1)^T = lambdas[i - 1] I`` for each hidden layer i.

    Raises:
        BadInput: widths that allow no such point, or none whose entries are rational was found.
    """
    if not any(lambdas):
        return balanced(model, seed)
    if any(max(abs(value.numerator), value.denominator) > _NUMBER for value in lambdas):
        raise BadInput(
            f"LAMBDA has more than {len(str(_NUMBER)) - 1} digits; exact points are searched for below that. "
            "Use a simpler number."
        )
    if len(model.widths) == 3:
        return _rotated(model, _two_layers(model, lambdas[0]), seed)
    return _rotated(model, _deep(model, lambdas), seed)


def _rotated(model: DeepLinear, factors: list[Matrix], seed: int) -> list[Matrix]:
    if not seed or model.logits:
        return factors
    draw = Random(seed)
    turns = [_rotation(width, draw) for width in model.widths]
    return [product(transposed(turns[a]), factor, turns[a + 1]) for a, factor in enumerate(factors)]


def _rotation(size: int, draw: Random) -> Matrix:
    """A rational rotation with short entries for any size: of planes side by side, twice."""
    turns: list[Matrix] = []
    for first in (0, 1):
        planes: dict[tuple[int, int], Rational] = {
            (i, i + 1): Fraction(1, draw.randint(1, 3) + 1) for i in range(first, size - 1, 2)
        }
        turns.append(cayley(skew(size, planes)))
    return product(*turns)


# -- two layers -------------------------------------------------------------------------------------------------------


def _two_layers(model: DeepLinear, value: Fraction) -> list[Matrix]:
    n, r, m = model.widths
    wide, narrow, name = (n, m, "n") if value > 0 else (m, n, "m")
    if r > wide:
        sign = ">" if value > 0 else "<"
        raise BadInput(
            f"{model.spec}: U1^T U1 - U2 U2^T = {value} I with LAMBDA {sign} 0 needs r <= {name}, and r = {r} is above "
            f"{name} = {wide}. "
            + (
                f"Choose LAMBDA {'<' if value > 0 else '>'} 0."
                if r <= narrow
                else "No LAMBDA but 0 is possible with r > max(n, m): use balanced, or another width."
            )
        )
    size = abs(value)
    large, small = zeros(wide, r), zeros(narrow, r)
    shared = min(r, narrow)
    for j in range(shared):
        t = Fraction(2 + j) if (2 + j) ** 2 != size else Fraction(2 * j + 5, 2)
        large[j][j], small[j][j] = (t + size / t) / 2, (t - size / t) / 2
    alone = r - shared
    vectors = _orthogonal(size, alone, wide - shared) if alone else []
    if vectors is None:
        raise BadInput(
            f"{model.spec}: relaxed:{value} asks for {alone} orthogonal vectors of squared length {size} in dimension "
            f"{wide - shared}, and no rational ones were found. Choose a LAMBDA whose absolute value is a square, such "
            "as 1, 4 or 9/4."
        )
    for j, vector in enumerate(vectors, shared):
        for i, entry in enumerate(vector, shared):
            large[i][j] = entry
    U, V = (large, small) if value > 0 else (small, large)
    return [U, transposed(V)]


def _orthogonal(size: Fraction, number: int, dimension: int) -> list[list[Rational]] | None:
    """So many orthogonal rational vectors of squared length ``size``, in blocks of 1, 2 or 4 of them."""
    for side in (1, 2, 4):
        block = _block(size, side)
        if block is not None and number <= dimension // side * side:
            out: list[list[Rational]] = []
            for j in range(number):
                vector: list[Rational] = [0] * dimension
                start = j // side * side
                vector[start : start + side] = block[j % side]
                out.append(vector)
            return out
    return None


# -- deep networks ----------------------------------------------------------------------------------------------------


def _deep(model: DeepLinear, lambdas: Sequence[Fraction]) -> list[Matrix]:
    n, *hidden, m = model.widths
    r = hidden[0]
    if len(set(hidden)) > 1 or r > min(n, m):
        raise BadInput(
            f"{model.spec}: relaxed balance other than zero is claimed for hidden layers of one width that is at most "
            "the output and input width (A3.deep.relaxed-balanced). Use such widths, two layers, or balanced."
        )
    for side in (1, 2, 4):
        if side > r:
            break
        cores = _cores(r, side, lambdas)
        if cores is not None:
            factors = [_placed(core, r, r) for core in cores]
            factors[0], factors[-1] = _placed(cores[0], n, r), _placed(cores[-1], r, m)
            return factors
    listed = ", ".join(map(str, lambdas))
    raise BadInput(
        f"{model.spec}: no rational point with lambda = {listed} was found. Even widths allow more values; "
        "relaxed:5,3 has one for three layers of any width, and balanced always has one."
    )


def _cores(r: int, side: int, lambdas: Sequence[Fraction]) -> list[Matrix] | None:
    """One r x r matrix for each layer: multiples of orthogonal matrices, block by block; ones of side 1 fill up."""
    sides = [side] * (r // side) + [1] * (r % side)
    chains = {size: list(islice(_chains(size, lambdas), sides.count(size))) for size in set(sides)}
    if not all(chains.values()):
        return None
    out = [zeros(r, r) for _ in range(len(lambdas) + 1)]
    start = 0
    for number, size in enumerate(sides):
        chain = chains[size][number % len(chains[size])]
        for core, square in zip(out, chain, strict=True):
            block = _block(square, size)
            if block is None:
                raise AssertionError("a chain was found whose squares are no norms")
            for i in range(size):
                core[start + i][start : start + size] = block[i]
        start += size
    return out


def _chains(side: int, lambdas: Sequence[Fraction]) -> Iterator[list[Fraction]]:
    """``x_1, ..., x_L`` positive with ``x_i - x_(i+1) = lambda_i``, norms of blocks of this side, small ones first."""
    sums = [sum(lambdas[k:], Fraction(0)) for k in range(len(lambdas) + 1)]
    for last in islice(_norms(side), _SEARCH):
        chain = [last + total for total in sums]
        if min(chain) > 0 and all(_is_norm(x, side) for x in chain):
            yield chain


def _norms(side: int) -> Iterator[Fraction]:
    """Positive rationals that are norms of blocks of this side, by growing height; squares for side 1."""
    for height in count(1):
        for q in range(1, height + 1):
            for p in range(1 if side > 1 else height * height, height * height + 1):
                value = Fraction(p, q * q)
                if (q == 1 or p % q) and _is_norm(value, side):
                    yield value


def _is_norm(value: Fraction, side: int) -> bool:
    return side == 4 or _block(value, side) is not None


def _block(value: Fraction, side: int) -> list[list[Rational]] | None:
    """A rational matrix B of this side with ``B^T B = value I``, or None; side 1, 2 or 4."""
    whole, below = value.numerator * value.denominator, value.denominator
    if side == 1:
        root = isqrt(whole)
        return [[Fraction(root, below)]] if root * root == whole else None
    if side == 2:
        found = _two_squares(whole)
        if found is None:
            return None
        a, b = (Fraction(x, below) for x in found)
        return [[a, -b], [b, a]]
    for rest in range(isqrt(whole), -1, -1):
        for second in range(isqrt(whole - rest * rest), -1, -1):
            found = _two_squares(whole - rest * rest - second * second)
            if found is not None:
                a, b, c, d = (Fraction(x, below) for x in (rest, second, *found))
                return [[a, -b, -c, -d], [b, a, -d, c], [c, d, a, -b], [d, -c, b, a]]
    return None


def _two_squares(number: int) -> tuple[int, int] | None:
    for a in range(isqrt(number), -1, -1):
        b = isqrt(number - a * a)
        if b > a:
            return None
        if a * a + b * b == number:
            return a, b
    return None


def _placed(core: Matrix, height: int, width: int) -> Matrix:
    out = zeros(height, width)
    for i, row in enumerate(core):
        out[i][: len(row)] = row
    return out
