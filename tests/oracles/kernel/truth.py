"""Decides the claims of certificates without the kernel: by the counts of theory, by sympy and by python-flint.

Everything is read from the JSON again and computed by other means than the kernel's, slowly and on small cases. What is
not understood counts as false.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from typing import Any

from flint import fmpq, fmpq_mat, nmod_mat

sympy: Any = import_module("sympy")  # untyped
Json = Any
Term = Mapping[tuple[int, ...], int]
Field = list[dict[tuple[int, ...], int]]
"""A polynomial vector field modulo ``PRIME``: exponents and coefficient of each term of each component."""

PRIME = 2**31 - 1


def holds(claim: Json) -> bool:
    """Whether the claim is true; False as well where it cannot be read."""
    try:
        return _TRUTHS[claim["kind"]](claim)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError):
        return False


# Counts of theory


def two(n: int, m: int, r: int) -> int:
    """The laws of the two-layer network (A1.two-layer-linear.count)."""
    k = min(r, n + m)
    return k * (2 * r + 1 - k) // 2


def known(widths: Sequence[int]) -> int:
    """The independent entries of the balance matrices (A1.deep-linear.known-laws)."""
    total = 0
    for before, width, after in zip(widths, widths[1:], widths[2:], strict=False):
        lost = max(0, width - before - after)
        total += width * (width + 1) // 2 - lost * (lost + 1) // 2
    return total


def linear_laws(widths: Sequence[int]) -> int:
    """All laws of a deep linear network, with the extra ones of scalar blocks (A1.deep-linear.count)."""
    ones = [i for i, width in enumerate(widths) if width == 1]
    count = known(widths)
    for i, j in pairwise(ones):
        if j - i >= 3:
            block = widths[i : j + 1]
            count += sum(a * b for a, b in pairwise(block)) - 1 - known(block)
    return count


def laws_count(model: Json) -> int:
    """The number of independent laws near a generic point."""
    if model["kind"] == "linear":
        widths = model["widths"]
        if model["output"] == "zero-sum":
            return widths[1] + linear_laws([widths[0] - 1, *widths[1:]])
        return linear_laws(widths)
    if model["kind"] == "paths":
        return sum(group["size"] for group in model["groups"] if group["role"] == "hidden")
    return parameters(model) - lie_dimension([_gradient(c, model["parameters"]) for c in _explicit(model)])


def parameters(model: Json) -> int:
    if model["kind"] == "linear":
        return sum(a * b for a, b in pairwise(model["widths"]))
    if model["kind"] == "paths":
        sizes = [group["size"] for group in model["groups"]]
        return sum(sizes[a] * sizes[b] for a, b in model["links"])
    return model["parameters"]


# Models as sympy sees them


def coordinates(model: Json) -> list[Any]:
    """The coordinates in the symbols x0, x1, ..."""
    if model["kind"] == "linear":
        product = sympy.eye(model["widths"][0])
        start = 0
        for rows, columns in pairwise(model["widths"]):
            block = sympy.Matrix(rows, columns, [variable(start + i) for i in range(rows * columns)])
            product, start = product * block, start + rows * columns
        entries = [[product[i, j] for j in range(product.cols)] for i in range(product.rows)]
        if model["output"] == "zero-sum":
            entries = [[a - b for a, b in zip(row, entries[-1], strict=True)] for row in entries[:-1]]
        return [entry for row in entries for entry in row]
    if model["kind"] == "paths":
        return [sympy.Mul(*map(variable, path)) for path in paths(model)]
    return [_expression(c) for c in model["coordinates"]]


def paths(model: Json) -> Iterator[list[int]]:
    """The edges of each path from a source to an output."""
    sizes = [group["size"] for group in model["groups"]]
    roles = [group["role"] for group in model["groups"]]
    out: dict[tuple[int, int], list[tuple[int, tuple[int, int]]]] = {}
    number = 0
    for a, b in model["links"]:
        for i in range(sizes[a]):
            for j in range(sizes[b]):
                out.setdefault((a, i), []).append((number, (b, j)))
                number += 1

    def onwards(at: tuple[int, int]) -> Iterator[list[int]]:
        if roles[at[0]] == "output":
            yield []
        for edge, head in out.get(at, []):
            for rest in onwards(head):
                yield [edge, *rest]

    for group, role in enumerate(roles):
        if role == "source":
            for i in range(sizes[group]):
                yield from onwards((group, i))


def variable(index: int) -> Any:
    return sympy.Symbol(f"x{index}")


def _rational(value: Json) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(value)
    return Fraction(value)


def _expression(polynomial: Json) -> Any:
    return sympy.Add(
        *(sympy.Mul(_sympy(_rational(c)), *(variable(v) ** e for v, e in monomial)) for c, monomial in polynomial)
    )


def _sympy(value: Fraction) -> Any:
    return sympy.Rational(value.numerator, value.denominator)


def is_law(model: Json, law: Json) -> bool:
    """Whether the gradient of the law is orthogonal to that of every coordinate, by sympy."""
    expression = _expression(law)
    return all(not _slope(expression, coordinate) for coordinate in coordinates(model))


def _slope(law: Any, coordinate: Any) -> Any:
    common = law.free_symbols & coordinate.free_symbols
    return sympy.expand(sympy.Add(*(sympy.diff(law, x) * sympy.diff(coordinate, x) for x in common)))


# Brackets, symbolically


def lie_dimension(fields: Sequence[Field]) -> int:
    """dim Lie(W) at a generic point, by symbolic brackets until none is new (A1.alg.lie-trace)."""
    size = len(fields[0])
    draw = random.Random(5)
    point = [draw.randrange(1, PRIME) for _ in range(size)]
    rows: list[list[int]] = []

    def new(field: Field) -> bool:
        rows.append([_at(component, point) for component in field])
        if nmod_mat(len(rows), size, [c for row in rows for c in row], PRIME).rank() == len(rows):
            return True
        rows.pop()
        return False

    base = [field for field in fields if new(field)]
    fresh = base
    while fresh:
        fresh = [word for word in (bracket(field, other) for field in fresh for other in base) if new(word)]
    return len(rows)


def bracket(left: Field, right: Field) -> Field:
    """``D right left - D left right``."""
    out: Field = []
    for i in range(len(left)):
        total: dict[tuple[int, ...], int] = {}
        for j in range(len(left)):
            _add_product(total, 1, _derivative(right[i], j), left[j])
            _add_product(total, -1, _derivative(left[i], j), right[j])
        out.append({exponents: c for exponents, c in total.items() if c})
    return out


def _add_product(total: dict[tuple[int, ...], int], sign: int, left: Term, right: Term) -> None:
    for a, c in left.items():
        for b, d in right.items():
            key = tuple(map(sum, zip(a, b, strict=True)))
            total[key] = (total.get(key, 0) + sign * c * d) % PRIME


def _derivative(polynomial: Term, index: int) -> dict[tuple[int, ...], int]:
    return {
        (*exponents[:index], exponents[index] - 1, *exponents[index + 1 :]): c * exponents[index] % PRIME
        for exponents, c in polynomial.items()
        if exponents[index]
    }


def _at(polynomial: Term, point: Sequence[int]) -> int:
    total = 0
    for exponents, c in polynomial.items():
        for x, e in zip(point, exponents, strict=True):
            c = c * pow(x, e, PRIME) % PRIME
        total += c
    return total % PRIME


def _explicit(model: Json) -> list[dict[tuple[int, ...], int]]:
    out: list[dict[tuple[int, ...], int]] = []
    for coordinate in model["coordinates"]:
        terms: dict[tuple[int, ...], int] = {}
        for written, monomial in coordinate:
            exponents = [0] * model["parameters"]
            for v, e in monomial:
                exponents[v] += e
            c = _rational(written)
            terms[tuple(exponents)] = c.numerator * pow(c.denominator, -1, PRIME) % PRIME
        out.append(terms)
    return out


def _gradient(polynomial: Term, size: int) -> Field:
    return [_derivative(polynomial, index) for index in range(size)]


# Claims


def _laws(claim: Json) -> bool:
    return all(is_law(claim["model"], law["polynomial"]) for law in claim["laws"])


def _complete(claim: Json) -> bool:
    model = claim["model"]
    for law in claim["laws"]:
        if "polynomial" in law:
            if set(law) != {"polynomial"} or not is_law(model, law["polynomial"]):
                return False
        elif not _family_exists(model, law):
            return False
    count, size = laws_count(model), parameters(model)
    stated = [claim["parameters"], claim["independent_laws"], claim["lie_dimension"]]
    return stated == [size, count, size - count] and not any(isinstance(number, bool) for number in stated)


def _family_exists(model: Json, law: Json) -> bool:
    if model["kind"] == "paths":
        return law == {"family": "neuron-balance"}
    if model["kind"] == "linear":
        if law == {"family": "output-sums"}:
            return model["output"] == "zero-sum"
        if set(law) == {"family", "from", "to"}:
            ends = model["widths"][law["from"]], model["widths"][law["to"]]
            return law["family"] == "block-first-integrals" and 0 <= law["from"] < law["to"] and ends == (1, 1)
        return law == {"family": "balance"}
    return False


def _refuted(claim: Json) -> bool:
    return not is_law(claim["model"], claim["law"])


def _identity(claim: Json) -> bool:
    return all(sympy.expand(_tree(left) - _tree(right)) == 0 for left, right in claim["equal"])


def _value(claim: Json) -> bool:
    at = {variable(i): _sympy(_rational(c)) for i, c in enumerate(claim["point"])}
    return all(_tree(tree).subs(at) == _sympy(_rational(stated)) for tree, stated in claim["values"])


def _tree(node: Json) -> Any:
    if isinstance(node, int | str):
        return _sympy(_rational(node))
    (operator,) = node
    inside = node[operator]
    if operator == "x":
        return variable(inside)
    if operator == "^":
        return _tree(inside[0]) ** inside[1]
    parts = map(_tree, inside)
    return {"+": sympy.Add, "*": sympy.Mul}[operator](*parts)


def _rank(claim: Json) -> bool:
    rows = [[_rational(c) for c in row] for row in claim["matrix"]]
    matrix = fmpq_mat(len(rows), len(rows[0]), [fmpq(c.numerator, c.denominator) for row in rows for c in row])
    return bool(matrix.rank() == claim["rank"])


# Intrinsic dynamics


def _law_expressions(model: Json, laws: Json) -> list[Any]:
    """The laws of a claim written out; raises for what is no law or no family of polynomials."""
    out: list[Any] = []
    for law in laws:
        if "polynomial" in law:
            if set(law) != {"polynomial"} or not is_law(model, law["polynomial"]):
                raise ValueError(law)
            out.append(_expression(law["polynomial"]))
        elif not _family_exists(model, law) or law["family"] == "block-first-integrals":
            raise ValueError(law)
        else:
            out += {"balance": _balances, "output-sums": _sums, "neuron-balance": _neurons}[law["family"]](model)
    return out


def _blocks(model: Json) -> list[Any]:
    numbers = map(variable, range(parameters(model)))
    return [sympy.Matrix(a, b, [next(numbers) for _ in range(a * b)]) for a, b in pairwise(model["widths"])]


def _balances(model: Json) -> list[Any]:
    return [entry for left, right in pairwise(_blocks(model)) for entry in left.T * left - right * right.T]


def _sums(model: Json) -> list[Any]:
    first = _blocks(model)[0]
    return list(sympy.ones(1, first.rows) * first)


def _neurons(model: Json) -> list[Any]:
    """By the paths: what enters a hidden neuron is an edge before one that leaves it."""
    ends: dict[int, list[tuple[int, int]]] = {}
    sizes, number = [group["size"] for group in model["groups"]], 0
    for a, b in model["links"]:
        for i in range(sizes[a]):
            for j in range(sizes[b]):
                ends[number] = [(a, i), (b, j)]
                number += 1
    hidden = [(g, i) for g, group in enumerate(model["groups"]) if group["role"] == "hidden" for i in range(sizes[g])]
    square = {edge: variable(edge) ** 2 for edge in ends}
    return [
        sympy.Add(*(square[edge] * ((head == neuron) - (tail == neuron)) for edge, (tail, head) in ends.items()))
        for neuron in hidden
    ]


def _named(model: Json, key: Json) -> int:
    """The number of a coordinate that is named as in a certificate."""
    if model["kind"] == "paths":
        return list(paths(model)).index(key)
    if isinstance(key, bool) or not isinstance(key, int) or key < 0:
        raise ValueError(key)
    return key


def _at_point(
    expressions: Sequence[Any], point: Json, model: Json, along: Sequence[Fraction] | None = None
) -> list[Any]:
    """Values at a point, or at ``point + t along``."""
    if len(point) != parameters(model):
        raise ValueError(point)
    numbers = [_sympy(_rational(c)) for c in point]
    if along is not None:
        numbers = [c + sympy.Symbol("t") * _sympy(w) for c, w in zip(numbers, along, strict=True)]
    at = dict(zip(map(variable, range(len(numbers))), numbers, strict=True))
    return [expression.subs(at, simultaneous=True) for expression in expressions]


def _jacobian(expressions: Sequence[Any], size: int) -> list[list[Any]]:
    return [[sympy.diff(expression, variable(i)) for i in range(size)] for expression in expressions]


def common_kernel(model: Json, laws: Json, point: Json) -> list[list[Fraction]]:
    """A basis of ``ker dphi cap ker dh`` at the point."""
    size = parameters(model)
    rows = _jacobian([*coordinates(model), *_law_expressions(model, laws)], size)
    flat = [Fraction(int(c.p), int(c.q)) for row in rows for c in _at_point(row, point, model)]
    reduced, rank = fmpq_mat(len(rows), size, [fmpq(c.numerator, c.denominator) for c in flat]).rref()
    entries = [[Fraction(int(reduced[i, j].p), int(reduced[i, j].q)) for j in range(size)] for i in range(rank)]
    pivots = [next(j for j in range(size) if row[j]) for row in entries]
    basis: list[list[Fraction]] = []
    for free in sorted(set(range(size)) - set(pivots)):
        vector = [Fraction(i == free) for i in range(size)]
        for pivot, row in zip(pivots, entries, strict=True):
            vector[pivot] = -row[free]
        basis.append(vector)
    return basis


def metric_changes(model: Json, point: Json, vector: Sequence[Fraction]) -> list[list[Any]]:
    """The derivative of M along a vector: M is written out on the line through the point."""
    gradients = _jacobian(coordinates(model), parameters(model))
    moved = [_at_point(row, point, model, vector) for row in gradients]
    inner = [[sympy.Add(*(a * b for a, b in zip(left, right, strict=True))) for right in moved] for left in moved]
    return [[sympy.diff(entry, sympy.Symbol("t")).subs({sympy.Symbol("t"): 0}) for entry in row] for row in inner]


def _inclusion(claim: Json) -> bool:
    model, point, stated = claim["model"], claim["point"], claim["kernel_dimension"]
    basis = common_kernel(model, claim["laws"], point)
    if isinstance(stated, bool) or len(basis) != stated:
        return False
    return not any(entry for vector in basis for row in metric_changes(model, point, vector) for entry in row)


def _violation(claim: Json) -> bool:
    """Some vector of the kernel changes the entry; a multiple of it does so by any other amount."""
    model, point = claim["model"], claim["point"]
    i, j = (_named(model, key) for key in claim["coordinates"])
    changes = [metric_changes(model, point, vector)[i][j] for vector in common_kernel(model, claim["laws"], point)]
    return bool(_rational(claim["derivative"])) and any(changes)


def _fibre(claim: Json) -> bool:
    model = claim["model"]
    first, second = claim["points"]
    i, j = (_named(model, key) for key in claim["coordinates"])
    phi = coordinates(model)
    alike = [*phi, *_law_expressions(model, claim["laws"])]
    if any(a != b for a, b in zip(_at_point(alike, first, model), _at_point(alike, second, model), strict=True)):
        return False
    metric = sympy.Add(*(sympy.diff(phi[i], x) * sympy.diff(phi[j], x) for x in phi[i].free_symbols))
    found = [_at_point([metric], point, model)[0] for point in (first, second)]
    return found == [_sympy(_rational(c)) for c in claim["metric"]] and found[0] != found[1]


_TRUTHS: dict[str, Callable[[Json], bool]] = {
    "laws": _laws,
    "complete": _complete,
    "refuted": _refuted,
    "identity": _identity,
    "value": _value,
    "rank": _rank,
    "inclusion": _inclusion,
    "violation": _violation,
    "fibre": _fibre,
}
