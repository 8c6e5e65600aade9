"""Brackets read off a flow against brackets written out by sympy, and the arithmetic at its largest."""

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from flint import nmod_mat, nmod_poly

from flowlaw.oracles.kernel._exact import Polynomial
from flowlaw.oracles.kernel._flow import (
    Chain,
    Monomials,
    Program,
    brackets,
    duals,
    generators,
    push,
    solve,
    times,
)
from flowlaw.oracles.kernel._models import Form, Paths, read_model
from flowlaw.oracles.kernel._read import Node

sympy: Any = import_module("sympy")  # untyped
PRIME = 1048573

CUBIC: Any = [
    [[1, [[0, 2], [1, 1]]], ["-3/2", [[2, 3]]], [4, [[0, 1]]]],
    [[5, [[0, 1], [1, 1], [2, 1]]], [1, []]],
    [["1/3", [[1, 3]]], [2, [[0, 1], [2, 2]]]],
]
MODELS: dict[str, Any] = {
    "1-2-1": {"kind": "linear", "widths": [1, 2, 1], "output": "all"},
    "2-2-2": {"kind": "linear", "widths": [2, 2, 2], "output": "all"},
    "1-2-1-2": {"kind": "linear", "widths": [1, 2, 1, 2], "output": "all"},
    "3-2-1 logits": {"kind": "linear", "widths": [3, 2, 1], "output": "zero-sum"},
    "affine": {"kind": "polynomial", "parameters": 2, "coordinates": [[[2, [[0, 1]]], [1, []]], [[1, [[1, 1]]]]]},
    "cubic": {"kind": "polynomial", "parameters": 3, "coordinates": CUBIC},
    "paths": {
        "kind": "paths",
        "groups": [{"size": 2, "role": "source"}, {"size": 2, "role": "hidden"}, {"size": 1, "role": "output"}],
        "links": [[0, 1], [1, 2], [0, 2]],
    },
}
TIME = sympy.Symbol("t")


def coordinates(form: Form) -> list[Any]:
    """The coordinates, each times its common denominator, as the kernel takes them."""
    symbols = sympy.symbols(f"x0:{form.parameters}")
    keys: Sequence[object] = range(form.program(PRIME).dimension)
    if isinstance(form, Paths):
        keys = [list(path) for path in form.paths]
    assert [form.coordinate(Node(key, "a coordinate")) for key in keys] == list(form.coordinates())
    return [
        sympy.Add(*(c * sympy.Mul(*(symbols[v] ** e for v, e in m)) for m, c in coordinate.terms.items()))
        for coordinate in form.coordinates()
    ]


def followed(form: Form, start: Any, control: Any, orders: int, chosen: Sequence[int]) -> list[list[list[int]]]:
    """The brackets of the chosen generators, order by order."""
    program = form.program(PRIME)
    covector = np.zeros((orders, program.dimension), dtype=np.int64)
    covector[: len(control)] = control
    point = solve(program, start, covector)
    return [values.tolist() for values in brackets(program, point, covector, chosen)]


def written_out(
    form: Form, start: Sequence[int], control: Sequence[Sequence[int]], orders: int
) -> list[list[list[int]]]:
    """``(d/dt + ad_X)^k Y`` at the start and t = 0, for every generator Y, symbolically."""
    symbols = sympy.symbols(f"x0:{form.parameters}")
    phi = coordinates(form)
    potential = sum(TIME**q * sum(c * f for c, f in zip(power, phi, strict=True)) for q, power in enumerate(control))
    flow = sympy.Matrix([sympy.diff(potential, x) for x in symbols])
    fields = [sympy.Matrix([sympy.diff(f, x) for x in symbols]) for f in phi]
    at = {**dict(zip(symbols, start, strict=True)), TIME: 0}
    out: list[list[list[int]]] = []
    for _ in range(orders):
        out.append([[int(entry.subs(at)) % PRIME for entry in field] for field in fields])
        fields = [
            (field.diff(TIME) + field.jacobian(symbols) * flow - flow.jacobian(symbols) * field).expand()
            for field in fields
        ]
    return out


@pytest.mark.parametrize("powers", [1, 2], ids=["constant control", "control that depends on time"])
@pytest.mark.parametrize("name", MODELS)
def test_brackets_from_the_flow_are_those_written_out(name: str, powers: int) -> None:
    form = read_model(MODELS[name])
    generator = np.random.default_rng(len(name))
    start = generator.integers(-5, 6, form.parameters)
    dimension = form.program(PRIME).dimension
    control = generator.integers(-3, 4, (powers, dimension))
    orders = 3
    expected = written_out(form, start.tolist(), control.tolist(), orders)
    assert followed(form, start, control, orders, range(dimension)) == expected
    commute = name in ("1-2-1", "affine")  # a single generator; constant fields
    assert any(any(row) for row in expected[orders - 1]) != commute


def test_chosen_generators_come_in_the_order_of_the_choice() -> None:
    form = read_model(MODELS["2-2-2"])
    start, control = np.arange(1, 9), np.array([[1, 2, 3, 4]])
    every = followed(form, start, control, 3, range(4))
    assert [[values[3], values[1]] for values in every] == followed(form, start, control, 3, [3, 1])


def test_the_solution_of_a_scalar_flow_is_its_known_series() -> None:
    """phi = x^3 from x(0) = 1 with the control 1/3: x' = x^2, so x = 1/(1 - t)."""
    form = read_model({"kind": "polynomial", "parameters": 1, "coordinates": [[["1/7", [[0, 3]]]]]})
    control = np.zeros((20, 1), dtype=np.int64)
    control[0, 0] = pow(3, -1, PRIME)
    series = solve(form.program(PRIME), np.array([1]), control)
    assert series[:, 0].tolist() == [1] * 20


def test_series_multiply_as_truncated_polynomials() -> None:
    generator = np.random.default_rng(1)
    left, right = generator.integers(0, PRIME, (6, 3)), generator.integers(0, PRIME, (4, 3))
    found = times(np.multiply, left, right, PRIME)
    for entry in range(3):
        product = nmod_poly(left[:, entry].tolist(), PRIME) * nmod_poly(right[:, entry].tolist(), PRIME)
        assert found[:, entry].tolist() == [int(product[k]) for k in range(4)]


def test_dual_numbers_multiply_as_a_value_and_tangents_of_which_two_vanish_together() -> None:
    """(a + b_i e_i)(c + d_i e_i) = ac + (a d_i + b_i c) e_i, whichever side has tangents."""
    generator = np.random.default_rng(2)
    left, right = generator.integers(0, PRIME, (3, 4, 2)), generator.integers(0, PRIME, (3, 4, 2))
    multiply = duals(times)
    for a, b in ((left, right), (left[:, :1], right), (left, right[:, :1]), (left[:, :1], right[:, :1])):
        found = multiply(np.multiply, a, b, PRIME)
        assert found.shape == (3, max(a.shape[1], b.shape[1]), 2)
        zero = np.zeros((3, 2), dtype=np.int64)
        for i in range(found.shape[1]):
            first = times(np.multiply, a[:, 0], b[:, i] if i < b.shape[1] else zero, PRIME)
            second = times(np.multiply, a[:, i] if i < a.shape[1] else zero, b[:, 0], PRIME)
            expected = first if i == 0 else (first + second) % PRIME
            assert found[:, i].tolist() == expected.tolist()


@pytest.mark.parametrize("name", MODELS)
def test_a_field_is_the_sum_of_its_generators_and_its_derivative_that_of_a_line(name: str) -> None:
    form = read_model(MODELS[name])
    program: Program = form.program(PRIME)
    generator = np.random.default_rng(len(name))
    point = generator.integers(0, PRIME, (1, form.parameters))
    covector = generator.integers(0, PRIME, (1, program.dimension))
    every = generators(program, point, range(program.dimension))[0]
    assert program.field(point, covector, times)[0].tolist() == (covector[0] @ every % PRIME).tolist()
    tangent = generator.integers(0, PRIME, form.parameters)
    line = np.stack([point[0], tangent])
    constant = np.concatenate([covector, 0 * covector])
    moved = program.field(line, constant, times)[1]
    assert push(program, point, covector, tangent[None, None])[0, 0].tolist() == moved.tolist()


def test_series_of_two_hundred_orders_do_not_overflow_at_the_largest_prime() -> None:
    """Longer sums than there are: 200 orders, 9,999 inner columns, residues on one side, sums of two on the other."""
    inner = 9999
    left, right = np.full((200, 1, inner), 2 * (PRIME - 1)), np.full((200, inner, 1), PRIME - 1)
    found = times(np.matmul, left, right, PRIME)
    assert found[:, 0, 0].tolist() == [(k + 1) * inner * 2 % PRIME for k in range(200)]


@pytest.mark.parametrize("widths", [(100, 100, 100), (1, 9000, 1), (1, 4900, 2, 1), (2, 1, 6000, 1), (40, 60, 3)])
def test_products_of_matrices_do_not_overflow_at_the_largest_prime(widths: tuple[int, ...]) -> None:
    """All entries p - 1 or just below, against the same program over Python's own integers."""
    program = Chain(widths, False, PRIME)
    size, outputs = sum(a * b for a, b in pairwise(widths)), widths[0] * widths[-1]
    generator = np.random.default_rng(size)
    for spread in (1, 3):
        point, covector, tangents = (
            PRIME - 1 - generator.integers(0, spread, shape) for shape in ((2, size), (2, outputs), (2, 1, size))
        )
        assert point.dtype == np.int64
        exact_point, exact_covector, exact_tangents = (a.astype(object) for a in (point, covector, tangents))
        for found, exact in (
            (program.field(point, covector, times), program.field(exact_point, exact_covector, times)),
            (generators(program, point, [0, outputs - 1]), generators(program, exact_point, [0, outputs - 1])),
            (push(program, point, covector, tangents), push(program, exact_point, exact_covector, exact_tangents)),
        ):
            assert found.dtype == np.int64
            assert exact.dtype == object
            assert found.tolist() == exact.tolist()


def test_sums_of_monomials_do_not_overflow_at_the_largest_prime() -> None:
    """40,000 terms c x_0 x_i x_j with all numbers p - 1 meet in the derivative by x_0."""
    count, size = 40_000, 300
    pairs = [(1 + k % (size - 2), 2 + k % (size - 2)) for k in range(count)]
    program = Monomials(size, [Polynomial({})], PRIME)
    program.factors = np.array([(0, i, j) for i, j in pairs])
    program.coefficients, program.owners = np.full(count, PRIME - 1), np.zeros(count, dtype=np.int64)
    point, covector = np.full((2, size), PRIME - 1), np.full((2, 1), PRIME - 1)
    tangents = np.full((2, 1, size), PRIME - 1)
    # Each term is -(1 + t)^2 in its derivatives, the covector -(1 + t), a tangent -(1 + t).
    assert generators(program, point, [0])[:, 0, 0].tolist() == [-count % PRIME, -2 * count % PRIME]
    assert program.field(point, covector, times)[:, 0].tolist() == [count % PRIME, 3 * count % PRIME]
    assert push(program, point, covector, tangents)[:, 0, 0].tolist() == [2 * count % PRIME, 6 * count % PRIME]


def test_the_flow_reaches_the_depth_that_narrow_ends_need() -> None:
    """2-6-6-2 needs deep brackets: the rank grows with every order until it is D minus the number of balances."""
    form = read_model({"kind": "linear", "widths": [2, 6, 6, 2], "output": "all"})
    generator = np.random.default_rng(0)
    start, control = generator.integers(1, PRIME, form.parameters), generator.integers(1, PRIME, (1, 4))
    found = followed(form, start, control, 12, range(4))
    rows: list[list[int]] = []
    ranks: list[int] = []
    for values in found:
        rows += values
        ranks.append(int(nmod_mat(len(rows), 60, [c for row in rows for c in row], PRIME).rank()))
    assert ranks == sorted(ranks)
    assert ranks[:3] == [4, 7, 10], "each order brings one bracket less than there are generators: [X, X] = 0"
    assert ranks[-1] == form.parameters - 42
