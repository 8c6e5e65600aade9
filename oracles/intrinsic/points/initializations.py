"""Exact rational initializations by name: generic ones, (relaxed) balanced ones, and ones with dead neurons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from random import Random

from ...errors import BadInput, TooLarge
from ...models import DeepLinear, Model, PathLifting
from ...polynomials import Rational
from ...text import shown, suggestion
from ..criterion.local import flat
from ..decisions.boosted import boosted_pair
from ..decisions.pairs import neuron_edges
from ..linear.matrices import Matrix, product, zeros
from .balanced_points import balanced, relaxed

NAMES = ("generic", "balanced", "relaxed:LAMBDA", "zero-weights")
POINTS = 20_000
"""The largest number of parameters of a point that is written out."""
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Initialization:
    """A named exact point.

    Attributes:
        name: as it was asked for.
        point: D rationals.
        says: one sentence about how it was chosen.
        partner: a second point on its fibre with another metric, where the choice came with one; else None.
        orbit: why the partner lies on the same orbit of Lie(W).
    """

    name: str
    point: tuple[Rational, ...]
    says: str
    partner: tuple[Rational, ...] | None = None
    orbit: str = ""


def initialization(model: Model, text: str, *, seed: int = 0) -> Initialization:
    """The point that ``text`` names.

    ``generic``: whole numbers; no rank is lower than it has to be. For linear networks Z is a block of the identity,
    so that rotations of outputs and inputs keep it and a failing property can be refuted by two exact points.
    ``balanced`` and ``relaxed:LAMBDA``, linear networks: ``U_i^T U_i - U_(i+1) U_(i+1)^T = lambda_i I`` exactly; one
    value for all hidden layers, or one for each, separated by commas. ``zero-weights``, path liftings: all weights on
    one side of one neuron vanish.

    Raises:
        BadInput: an unknown name, a model that has no such points, or no rational one was found.
        TooLarge: the point has more than ``POINTS`` entries.
    """
    name, colon, values = text.partition(":")
    if name == "relaxed" and not values:
        raise BadInput("relaxed needs the value of the balance. Write relaxed:1, relaxed:-3/2 or relaxed:0.5.")
    if name not in _MAKERS or (colon and name != "relaxed"):
        hint = suggestion(name, [known.partition(":")[0] for known in NAMES])
        raise BadInput(f"{shown(text)} is no initialization.{hint} There are {', '.join(NAMES)}.")
    if model.parameters > POINTS:
        raise TooLarge(
            f"{model.spec} has {model.parameters} parameters; points with up to {POINTS} are written out. "
            "Use smaller widths."
        )
    return _MAKERS[name](model, text, values, seed)


def _generic(model: Model, text: str, values: str, seed: int) -> Initialization:
    if isinstance(model, DeepLinear):
        return _generic_product(model, text, seed)
    draw = Random(seed)
    point = tuple(draw.choice((-3, -2, -1, 1, 2, 3)) for _ in range(model.parameters))
    return Initialization(text, point, f"whole numbers from -3 to 3 without zeros, drawn with seed {seed}")


def _generic_product(model: DeepLinear, text: str, seed: int) -> Initialization:
    n, m = model.widths[0], model.widths[-1]
    if len(model.widths) == 3 and {n, m} == {1, 2} and model.widths[1] > 1 and not model.logits:
        first, second = boosted_pair(model, seed)
        return Initialization(
            text,
            first,
            f"found with seed {seed} together with a second point on its orbit and its fibre",
            second,
            "an element of the identity component of SO(n, m), the group of Lie(W), maps one to the other",
        )
    from ..criterion.geometry import geometry
    from ..criterion.setting import setting

    known = setting(model)
    best: tuple[Rational, ...] = ()
    for attempt in range(_TRIES):
        best = tuple(flat(_unimodular_chain(model, Random(f"{seed}/{attempt}"))))
        ranks = geometry(known, best)
        if ranks.jacobian_rank == known.jacobian and ranks.law_rank == known.listed:
            break
    return Initialization(
        text, best, f"whole numbers drawn with seed {seed} such that Z is a block of the identity, all ranks generic"
    )


def _unimodular_chain(model: DeepLinear, draw: Random) -> list[Matrix]:
    """``I B_1, B_1^(-1) I B_2, ..., B_(L-1)^(-1) I`` with unimodular B_i: a product of blocks of the identity."""
    bases = [_unimodular(width, draw) for width in model.widths[1:-1]]
    out: list[Matrix] = []
    for a, (height, width) in enumerate(pairwise(model.widths)):
        block: Matrix = [[int(i == j) for j in range(width)] for i in range(height)]
        factor = block if a == 0 else product(bases[a - 1][1], block)
        out.append(factor if a == len(bases) else product(factor, bases[a][0]))
    return out


def _unimodular(size: int, draw: Random) -> tuple[Matrix, Matrix]:
    """A matrix of whole numbers and its inverse: a product of a lower and an upper unit triangular band matrix.

    Few entries off the diagonal, so that the inverse stays short for any size.
    """
    lower, upper = zeros(size, size), zeros(size, size)
    of_lower, of_upper = zeros(size, size), zeros(size, size)
    for i in range(size):
        lower[i][i] = upper[i][i] = of_lower[i][i] = of_upper[i][i] = 1
    for i in range(1, size):
        # links (i, i - 1) with i odd, and (i - 1, i) with i even and at the start: no two in a row, inverse by sign
        value = draw.choice((-2, -1, 1, 2))
        if i % 2:
            lower[i][i - 1], of_lower[i][i - 1] = value, -value
        else:
            upper[i - 1][i], of_upper[i - 1][i] = value, -value
    shear = zeros(size, size)
    of_shear = zeros(size, size)
    for i in range(size):
        shear[i][i] = of_shear[i][i] = 1
    half = size // 2
    for i in range(half):
        value = draw.choice((-1, 1))
        shear[i][size - 1 - i], of_shear[i][size - 1 - i] = value, -value
    return product(product(lower, upper), shear), product(of_shear, product(of_upper, of_lower))


def _balanced(model: Model, text: str, values: str, seed: int) -> Initialization:
    linear = _linear(model, text)
    return Initialization(
        text, tuple(flat(balanced(linear, seed))), "U_i^T U_i = U_(i+1) U_(i+1)^T exactly, for every hidden layer"
    )


def _relaxed(model: Model, text: str, values: str, seed: int) -> Initialization:
    linear = _linear(model, text)
    hidden = len(linear.widths) - 2
    numbers = [_number(part, text) for part in values.split(",")]
    if len(numbers) not in (1, hidden) or not hidden:
        raise BadInput(
            f"{shown(text)}: {model.spec} has {hidden} hidden layers. Give one LAMBDA for all of them, or one for "
            "each, separated by commas."
        )
    lambdas = numbers * hidden if len(numbers) == 1 else numbers
    point = tuple(flat(relaxed(linear, lambdas, seed)))
    listed = ", ".join(map(str, lambdas))
    return Initialization(text, point, f"U_i^T U_i - U_(i+1) U_(i+1)^T = lambda_i I exactly, lambda = {listed}")


def _linear(model: Model, text: str) -> DeepLinear:
    if isinstance(model, DeepLinear):
        return model
    raise BadInput(
        f"{shown(text)}: {model.spec} is no linear network, and balance matrices belong to these. "
        "Use generic"
        + (" or zero-weights." if isinstance(model, PathLifting) else ", or a point of your own with --at.")
    )


def _number(text: str, whole: str) -> Fraction:
    try:
        if len(text) > 60 or "e" in text.lower() or "_" in text or not text.isascii():
            raise ValueError
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise BadInput(
            f"{shown(whole)}: {shown(text)} is not a rational number. Write relaxed:1, relaxed:-3/2 or relaxed:0.5."
        ) from None


def _zero_weights(model: Model, text: str, values: str, seed: int) -> Initialization:
    if not isinstance(model, PathLifting):
        raise BadInput(
            f"{shown(text)}: {model.spec} is no path lifting. Use generic, or a point of your own with --at."
        )
    if not model.hidden:
        raise BadInput(f"{shown(text)}: {model.spec} has no hidden neuron whose weights could vanish. Use generic.")
    point = list(_generic(model, "generic", "", seed).point)
    edges, says = _dead_side(model)
    for edge in edges:
        point[edge] = 0
    return Initialization(text, tuple(point), f"whole numbers drawn with seed {seed}; {says} are zero")


def _dead_side(model: PathLifting) -> tuple[Sequence[int], str]:
    """The weights to delete: those out of a neuron with two sources, or into one with two outputs, if there is one."""
    fallback: tuple[Sequence[int], str] | None = None
    for group, found in enumerate(model.groups):
        if found.role != "hidden":
            continue
        into, out_of, from_sources, to_outputs = neuron_edges(model, group, 0)
        if len(from_sources) > 1:
            return out_of, f"all weights out of neuron 1 of {found.name}"
        if len(to_outputs) > 1:
            return into, f"all weights into neuron 1 of {found.name}"
        fallback = fallback or (out_of, f"all weights out of neuron 1 of {found.name}")
    if fallback is None:
        raise AssertionError("a network with hidden neurons has a hidden group")
    return fallback


_MAKERS: dict[str, Callable[[Model, str, str, int], Initialization]] = {
    "generic": _generic,
    "balanced": _balanced,
    "relaxed": _relaxed,
    "zero-weights": _zero_weights,
}
