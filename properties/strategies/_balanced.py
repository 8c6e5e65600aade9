"""Points whose balances are exactly zero."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st

from ...oracles.models import DeepLinear, PathLifting
from ._numbers import Matrix, Vector, matrices, orthogonal, rationals, signs, unit_vectors, vectors
from ._points import Point


@st.composite
def balanced_linear(draw: st.DrawFn, model: DeepLinear) -> Point:
    """``U_i = Q_(i-1) S Q_i^T`` with rational orthogonal Q and the same singular values S, none zero, in every layer.

    Then ``U_i^T U_i = U_(i+1) U_(i+1)^T`` for all i. The rank is the smallest width.
    """
    singular = draw(vectors(min(model.widths), nonzero=True))
    turns: list[Matrix] = [draw(orthogonal(width)) for width in model.widths]
    point: list[Fraction] = []
    for left, right in pairwise(turns):
        for row in left:
            scaled = [a * s for a, s in zip(row, singular, strict=False)]
            point += [sum((a * b for a, b in zip(scaled, other, strict=False)), Fraction(0)) for other in right]
    return tuple(point)


@st.composite
def balanced_paths(draw: st.DrawFn, model: PathLifting) -> Point:
    """Every hidden neuron has as much in as out, in sums of squares.

    A link has an amplitude g; at every hidden group the sums of ``g^2`` in and out agree, and rational unit vectors
    spread them over the neurons. Amplitudes go forward from the sources: the squares that enter a group must add up to
    the square of a rational. A link from a source can always see to that; where there is none, all links into the group
    but one are zero.
    """
    amplitudes = _amplitudes(draw, model)
    hidden = {i: draw(unit_vectors(group.size)) for i, group in enumerate(model.groups) if group.role == "hidden"}
    point: list[Fraction] = []
    for (a, b), amplitude in zip(model.links, amplitudes, strict=True):
        rows, columns = model.groups[a].size, model.groups[b].size
        entries = _spread(draw, hidden.get(a), hidden.get(b), rows, columns)
        flat = [entry for row in entries for entry in row]
        point += [sign * amplitude * entry for sign, entry in zip(draw(signs(rows * columns)), flat, strict=True)]
    return tuple(point)


def _spread(draw: st.DrawFn, origin: Vector | None, target: Vector | None, rows: int, columns: int) -> Matrix:
    """A matrix whose rows have the squared lengths of ``origin`` and whose columns have those of ``target``."""
    if origin is None and target is None:
        return draw(matrices(rows, columns, nonzero=True))
    if origin is None:
        assert target is not None
        spread = [draw(unit_vectors(rows)) for _ in range(columns)]
        return tuple(tuple(spread[j][i] * target[j] for j in range(columns)) for i in range(rows))
    if target is None:
        return tuple(tuple(origin[i] * x for x in draw(unit_vectors(columns))) for i in range(rows))
    return tuple(tuple(a * b for b in target) for a in origin)


def _amplitudes(draw: st.DrawFn, model: PathLifting) -> list[Fraction]:
    groups, links = model.groups, model.links
    into: list[list[int]] = [[k for k, (_, b) in enumerate(links) if b == g] for g in range(len(groups))]
    used = [True] * len(links)
    for g, group in enumerate(groups):
        if group.role == "hidden" and all(groups[links[k][0]].role == "hidden" for k in into[g]):
            kept = draw(st.sampled_from(into[g]))
            for k in into[g]:
                used[k] = k == kept
    for g in range(len(groups) - 1, -1, -1):  # a group that nothing leaves is not entered either
        if groups[g].role == "hidden" and not any(used[k] for k, (a, _) in enumerate(links) if a == g):
            for k in into[g]:
                used[k] = False
    amplitudes = [Fraction(0)] * len(links)
    for g, group in enumerate(groups):
        out = [k for k, (a, _) in enumerate(links) if a == g and used[k]]
        if group.role == "hidden" and out:
            total = _total(draw, model, [k for k in into[g] if used[k]], amplitudes)
            for k, share in zip(out, draw(unit_vectors(len(out))), strict=True):
                amplitudes[k] = total * share
        elif group.role == "source":
            for k in out:
                amplitudes[k] = Fraction(1) if groups[links[k][1]].role == "output" else Fraction(0)
    return amplitudes


def _total(draw: st.DrawFn, model: PathLifting, into: list[int], amplitudes: list[Fraction]) -> Fraction:
    """The root of the sum of squares entering a group; sets the amplitudes of the links from sources."""
    free = [k for k in into if model.groups[model.links[k][0]].role == "source"]
    fixed = [amplitudes[k] for k in into if k not in free]
    if not free:
        (total,) = fixed
        return total
    for k in free[1:]:
        amplitudes[k] = draw(rationals(nonzero=True))
        fixed.append(amplitudes[k])
    squares = sum((x * x for x in fixed), Fraction(0))
    step = abs(draw(rationals(nonzero=True)))
    if not squares:
        amplitudes[free[0]] = step
        return step
    if step * step == squares:
        step += 1
    # ((s/k + k)/2)^2 - ((s/k - k)/2)^2 = s
    amplitudes[free[0]] = (squares / step - step) / 2
    return (squares / step + step) / 2
