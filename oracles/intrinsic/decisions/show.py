"""What the command prints about a point: lines for people, and a record for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from textwrap import wrap

from ...certificates import digest
from ...models import DeepLinear, Model, PathLifting, parameter_name
from ...polynomials import Rational
from .._closed_form import ClosedForm
from ..criterion.local import Local
from .intrinsic import Intrinsic
from .pairs import Pair

_NUMBERS = 48
"""Entries of a point up to which it is printed."""
_WIDTH = 114


def lines(found: Intrinsic) -> Iterator[str]:
    """The verdicts, with everything that a person needs to check them."""
    yield from _point(found.model, found.point, "")
    yield from _dimensions(found)
    for name, answer in found.answers.items():
        yield from _wrapped(f"{name:<14}  {answer.verdict:<9}  ", f"{answer.reason} ({answer.theorem})")
    if found.pair is not None and found.metric.verdict == "REFUTED":
        yield from _pair(found.model, found.pair)
    elif found.witness is not None:
        yield from _witness(found)
    matrix = found.metric_matrix()
    if matrix is not None:
        yield f"M(theta) = {_matrix(matrix)}"
    if found.closed_form is not None:
        yield from _form(found.closed_form)
    elif found.metric.verdict != "REFUTED" and found.closed_form_note:
        yield f"no closed form: {found.closed_form_note}"


def _point(model: Model, point: Sequence[Rational], indent: str) -> Iterator[str]:
    if len(point) > _NUMBERS:
        yield f"{indent}{len(point)} numbers (--json writes them)"
        return
    parts: list[str] = []
    start = 0
    for block in model.blocks:
        values = point[start : start + block.size]
        start += block.size
        if len(block.shape) == 2:
            rows = [values[i * block.shape[1] : (i + 1) * block.shape[1]] for i in range(block.shape[0])]
            parts.append(f"{block.name} = {_matrix(rows)}")
        else:
            parts.append(f"{block.name} = [{', '.join(map(str, values))}]")
    yield indent + ", ".join(parts)


def _wrapped(head: str, text: str) -> Iterator[str]:
    """A paragraph beside its head."""
    pieces = wrap(text, _WIDTH - len(head), break_long_words=False, break_on_hyphens=False)
    yield head + pieces[0]
    yield from (" " * len(head) + piece for piece in pieces[1:])


def _matrix(rows: Sequence[Sequence[Rational]]) -> str:
    return "[" + ", ".join("[" + ", ".join(map(str, row)) + "]" for row in rows) + "]"


def _dimensions(found: Intrinsic) -> Iterator[str]:
    at = found.geometry
    ranks = [("rank dphi", at.jacobian_rank), ("rank dh", at.law_rank), ("dim K_1", at.kernel_dimension)]
    shown = ", ".join(f"{name} {'not taken' if value is None else value}" for name, value in ranks)
    constant = {
        True: "the ranks are constant near this point",
        False: "the ranks are NOT constant near this point",
        None: "whether the ranks are constant near this point is not known",
    }
    complete = "" if at.setting.complete is not None else " at least (no proof that all laws are known)"
    lie = f"dim Lie(W) {at.setting.lie}{complete}"
    if at.fibre_dimension is not None and at.constant:
        lie += f", fibres of phi in the reachable set of dimension {at.fibre_dimension}"
    yield f"{len(found.point)} parameters, {shown}; {lie}"
    yield constant[at.constant]


def coordinate_text(model: Model, index: int) -> str:
    """A coordinate of phi by name: an entry of the product, a path as a product of weights, or its number."""
    if isinstance(model, DeepLinear):
        row, column = divmod(index, model.widths[-1])
        return f"z[{row + 1},{column + 1}]"
    if isinstance(model, PathLifting):
        path = next(islice(model.paths(), index, None))
        return "*".join(parameter_name(model, edge) for edge, _ in path)
    return f"phi_{index + 1}"


def _pair(model: Model, pair: Pair) -> Iterator[str]:
    local = Local(model, pair.first)
    value = ""
    if local.size <= 12:
        value = " = (" + ", ".join(str(local.value(i)) for i in range(local.size)) + ")"
    yield f"two points with the same phi{value} and the same laws:"
    for point in (pair.first, pair.second):
        yield from _point(model, point, "  ")
    first, second = (coordinate_text(model, index) for index in pair.coordinates)
    yield (
        f"  where the gradient of the loss is 1 at {second} and 0 elsewhere, {first} moves at the speed "
        f"{-pair.metric[0]} or {-pair.metric[1]}"
    )


def _witness(found: Intrinsic) -> Iterator[str]:
    seen = found.witness
    if seen is None:
        return
    entries = [(i, value) for i, value in enumerate(seen.vector) if value]
    first, second = (coordinate_text(found.model, index) for index in seen.coordinates)
    if len(entries) <= 24:
        listed = ", ".join(f"{parameter_name(found.model, i)} {value}" for i, value in entries)
        yield f"along the direction {listed} of K_1"
    else:
        yield f"along a direction of K_1 with {len(entries)} entries (--json writes it)"
    yield f"  M of ({first}, {second}) changes at the rate {seen.derivative}"


def _form(form: ClosedForm) -> Iterator[str]:
    yield f"closed form '{form.name}' ({form.theorem}): {form.domain}"
    if form.invariants:
        shown = ", ".join(f"{name} = {value}" for name, value in islice(form.invariants.items(), 8))
        yield f"  with {shown}" + (", ..." if len(form.invariants) > 8 else "")
    for formula in form.formulas:
        yield f"  {formula.says}: {formula.sympy or formula.tex}"


def record(found: Intrinsic) -> dict[str, object]:
    """The same for programs; numbers as text."""
    at = found.geometry
    seen, pair, form = found.witness, found.pair, found.closed_form
    matrix = found.metric_matrix()
    return {
        "model": found.model.spec,
        "point": {"name": found.name, "values": _texts(found.point)},
        "parameters": len(found.point),
        "jacobian_rank": at.jacobian_rank,
        "law_rank": at.law_rank,
        "kernel_dimension": at.kernel_dimension,
        "rank_constant": at.constant,
        "lie_dimension": at.setting.lie,
        "laws_complete": at.setting.all_listed,
        "fibre_dimension": at.fibre_dimension,
        "properties": {
            name.lower(): {
                "verdict": answer.verdict,
                "reason": answer.reason,
                "theorem": answer.theorem,
                "certificates": [digest(proof) for proof in answer.certificates],
            }
            for name, answer in found.answers.items()
        },
        "rotations": len(found.rotations),
        "direction": None
        if seen is None
        else {
            "vector": _texts(seen.vector),
            "coordinates": [coordinate_text(found.model, index) for index in seen.coordinates],
            "derivative": str(seen.derivative),
        },
        "points": None
        if pair is None
        else {
            "first": _texts(pair.first),
            "second": _texts(pair.second),
            "coordinates": [coordinate_text(found.model, index) for index in pair.coordinates],
            "metric": _texts(pair.metric),
            "orbit": pair.orbit,
        },
        "metric": None if matrix is None else [_texts(row) for row in matrix],
        "closed_form": None
        if form is None
        else {
            "name": form.name,
            "theorem": form.theorem,
            "domain": form.domain,
            "invariants": {name: str(value) for name, value in form.invariants.items()},
            "formulas": [{"says": f.says, "tex": f.tex, "sympy": f.sympy} for f in form.formulas],
        },
    }


def _texts(values: Sequence[Rational]) -> list[str]:
    return [str(value) for value in values]
