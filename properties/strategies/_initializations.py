"""Where training starts: exact points of every kind that theory distinguishes."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

from hypothesis import strategies as st

from ...oracles.errors import BadInput
from ...oracles.models import DeepLinear, Model, PathLifting
from ._balanced import balanced_linear, balanced_paths
from ._numbers import choices, matrices, signed, signs, vectors
from ._points import Point, full_rank, made_generic, stacks

Kind = Literal["generic", "balanced", "near-degenerate", "rank-deficient", "zero-weights", "signed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def initializations(model: Model, kind: Kind | None = None) -> st.SearchStrategy[Point]:
    """Points of ``model``, as tuples of fractions; all kinds mixed where none is given.

    ``generic``: no parameter is zero and every stack has full rank (``is_generic``).
    ``balanced``: every balance is exactly zero, of layers for linear networks and of hidden neurons for path liftings;
    not defined for other models. In a graph with skips some links may have to be zero for that.
    ``near-degenerate``: generic, but at most ``2^-10`` times a small number away from a point that is not.
    ``rank-deficient``: one stack (a hidden layer of a linear network, else a block) has deficient rank.
    ``zero-weights``: some parameters are zero, not all if there are several.
    ``signed``: generic, and the weights that enter a neuron through one block have one sign.

    Raises:
        BadInput: an unknown kind, or ``balanced`` for a model that is not a network.
    """
    if kind is None:
        network = isinstance(model, DeepLinear | PathLifting)
        return _mixed(model, [each for each in KINDS if network or each != "balanced"])
    if kind == "generic":
        return vectors(model.parameters, nonzero=True).map(lambda point: made_generic(model, point, [1] * len(point)))
    if kind == "balanced":
        if isinstance(model, DeepLinear):
            return balanced_linear(model)
        if isinstance(model, PathLifting):
            return balanced_paths(model)
        raise BadInput(f"{model.spec} is not a network, so no point of it is called balanced. Use another kind.")
    if kind == "near-degenerate":
        return _near_degenerate(model)
    if kind == "rank-deficient":
        return _rank_deficient(model)
    if kind == "zero-weights":
        return _zero_weights(model)
    if kind == "signed":
        return _signed(model)
    raise BadInput(f"There is no kind of initialization {str(kind)[:40]!r}. Use one of {', '.join(KINDS)}.")


@st.composite
def _mixed(draw: st.DrawFn, model: Model, kinds: list[Kind]) -> Point:
    """One of the kinds; the strategies of the others are not even made."""
    return draw(initializations(model, draw(st.sampled_from(kinds))))


@st.composite
def _rank_deficient(draw: st.DrawFn, model: Model) -> Point:
    point = list(draw(initializations(model, "generic")))
    candidates = [stack for stack in stacks(model) if full_rank(stack) > 1] or list(stacks(model))
    stack = draw(st.sampled_from(candidates))
    rank = draw(st.integers(0, full_rank(stack) - 1))
    # a product of factors with inner dimension `rank`
    left = draw(matrices(len(stack), rank, denominator=1))
    right = draw(matrices(len(stack[0]), rank, denominator=2))
    for row, a in zip(stack, left, strict=True):
        for parameter, b in zip(row, right, strict=True):
            point[parameter] = sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
    return tuple(point)


@st.composite
def _zero_weights(draw: st.DrawFn, model: Model) -> Point:
    point = list(draw(initializations(model, "generic")))
    zero = {parameter for parameter, chosen in enumerate(draw(choices(len(point), 4))) if chosen == 3} or {0}
    for parameter in zero if len(zero) < len(point) else range(max(1, len(point) - 1)):
        point[parameter] = Fraction(0)
    return tuple(point)


@st.composite
def _near_degenerate(draw: st.DrawFn, model: Model) -> Point:
    degenerate = draw(st.one_of(_rank_deficient(model), _zero_weights(model)))
    distance = Fraction(1, 2 ** draw(st.integers(10, 40)))
    steps = signed(3)
    offsets = (steps[k] for k in draw(choices(model.parameters, len(steps))))
    moved = tuple(x + distance * offset for x, offset in zip(degenerate, offsets, strict=True))
    return made_generic(model, moved, [distance] * len(moved))


@st.composite
def _signed(draw: st.DrawFn, model: Model) -> Point:
    sizes = [abs(x) for x in draw(vectors(model.parameters, nonzero=True))]
    chosen: list[int] = []
    for block in model.blocks:
        rows = block.shape[0] if len(block.shape) > 1 else 1
        columns = block.size // rows
        if isinstance(model, DeepLinear):  # a row enters an output
            chosen += [sign for sign in draw(signs(rows)) for _ in range(columns)]
        elif isinstance(model, PathLifting):  # a column enters a neuron
            chosen += list(draw(signs(columns))) * rows
        else:
            chosen += list(draw(signs(1))) * block.size
    point = [sign * size for sign, size in zip(chosen, sizes, strict=True)]
    return made_generic(model, point, chosen)
