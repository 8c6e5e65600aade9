"""Values of expressions: known values, shapes, limits, and agreement with plain rational arithmetic at a point."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.expressions import Matrix, evaluate, parse
from flowlaw.oracles.models import Block, PolynomialMap, parse_model
from flowlaw.oracles.polynomials import Rational

MODEL = parse_model("linear:2-3-2")
POINT: tuple[Rational, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, Fraction(1, 2))
"""U1 = [1 2 3; 4 5 6], U2 = [7 8; 9 10; 11 1/2]."""


def at_point(matrix: Matrix) -> list[list[Rational]]:
    return [[entry.evaluate(POINT) for entry in matrix.row(i)] for i in range(matrix.shape[0])]


VALUES: list[tuple[str, list[list[Rational]]]] = [
    ("U1", [[1, 2, 3], [4, 5, 6]]),
    ("U1.T", [[1, 4], [2, 5], [3, 6]]),
    ("transpose(U1)'", [[1, 2, 3], [4, 5, 6]]),
    ("U1[2,3]", [[6]]),
    ("U1[:,2]", [[2], [5]]),
    ("U1[2,:]", [[4, 5, 6]]),
    ("U1[2,:][3]", [[6]]),
    ("U1[:,2][2]", [[5]]),
    ("U1[:,:]", [[1, 2, 3], [4, 5, 6]]),
    ("(U1 + U2.T)[1,2]", [[11]]),
    ("U1*U2", [[58, Fraction(59, 2)], [139, 85]]),
    ("U1 .* U1", [[1, 4, 9], [16, 25, 36]]),
    ("2*U1 - U1*2", [[0, 0, 0], [0, 0, 0]]),
    ("U1[1,1]*U1", [[1, 2, 3], [4, 5, 6]]),
    ("U1[1,:]*U1[2,:].T*U1[1,:]", [[32, 64, 96]]),
    ("U1/2", [[Fraction(1, 2), 1, Fraction(3, 2)], [2, Fraction(5, 2), 3]]),
    ("U1/(1/2 - 0.25)", [[4, 8, 12], [16, 20, 24]]),
    ("3/2*2", [[3]]),
    ("1/2/2", [[Fraction(1, 4)]]),
    ("2^3", [[8]]),
    ("-2^2", [[-4]]),
    ("0.1 + 0.2", [[Fraction(3, 10)]]),
    ("(U1*U2)^2", [[Fraction(14929, 2), Fraction(8437, 2)], [19877, Fraction(22651, 2)]]),
    ("(U1*U2)^0", [[1, 0], [0, 1]]),
    ("trace(U1*U2)", [[143]]),
    ("trace(U2*U1)", [[143]]),
    ("trace(U1.T*U1 - U2*U2.T)", [[91 - 415 - Fraction(1, 4)]]),
    ("trace(2*(U1*U2) + eye(2))", [[288]]),
    ("trace(3*U1[1,1])", [[3]]),
    ("diag(U1*U1.T)", [[14], [77]]),
    ("diag(U1.T*U1) - diag(U2*U2.T)", [[17 - 113], [29 - 181], [45 - 121 - Fraction(1, 4)]]),
    ("norm2(U1)", [[91]]),
    ("det(U1*U2)", [[58 * 85 - Fraction(59, 2) * 139]]),
    ("det(U2*U1)", [[0]]),
    ("det(7)", [[7]]),
    ("sum(U1)", [[21]]),
    ("rowsums(U1)", [[6], [15]]),
    ("colsums(U1)", [[5, 7, 9]]),
    ("ones(1,2)*U1", [[5, 7, 9]]),
    ("eye(2)*U1", [[1, 2, 3], [4, 5, 6]]),
    ("norm2(U1) - norm2(U2)", [[91 - 415 - Fraction(1, 4)]]),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_an_expression_has_its_value(text: str, expected: list[list[Rational]]) -> None:
    value = evaluate(parse(text), MODEL)
    assert value.shape == (len(expected), len(expected[0]))
    assert at_point(value) == expected


SHAPES = [
    ("U1+U2", 3, "cannot add shapes: 2 x 3 before, 3 x 2 here"),
    ("U1+1", 3, "cannot add shapes: 2 x 3 before, 1 x 1 here"),
    ("U1*U1", 3, "cannot multiply shapes 2 x 3 and 2 x 3: 3 is not 2. Did you forget a transpose"),
    ("U1.*U2", 3, "cannot multiply entrywise shapes 2 x 3 and 3 x 2"),
    ("U1^2", 3, "a power needs a square matrix, and this is 2 x 3"),
    ("trace(U1)", 7, "trace needs a square matrix, and this is 2 x 3"),
    ("diag(U1*U1)", 8, "cannot multiply shapes"),
    ("diag(U1 + U2)", 6, "diag needs a square matrix"),
    ("trace(U1*U2 - U2*U1)", 13, "cannot add shapes: 2 x 2 before, 3 x 3 here"),
    ("trace(U1.T*U1*U2)", 7, "trace needs a square matrix, and this is 3 x 2"),
    ("det(U1)", 1, "det needs a square matrix, and this is 2 x 3"),
    ("U1[3,1]", 3, "no row 3: this is 2 x 3"),
    ("U1[1,4]", 3, "no column 4: this is 2 x 3"),
    ("U1[0,1]", 3, "no row 0"),
    ("U1[1]", 3, "a single index needs a vector, and this is 2 x 3"),
    ("U1[:,1][3]", 8, "no row 3: this is 2 x 1"),
    ("U1/U2", 3, "only division by a number"),
    ("1/U1[1,1]", 2, "only division by a number"),
    ("1/0", 2, "division by zero"),
    ("1/(U1[1,1] - U1[1,1])", 2, "division by zero"),
    ("u1", 1, "has no block 'u1'. Did you mean 'U1'"),
    ("alpha", 1, "Its blocks are U1, U2"),
    ("ones(0,2)", 6, "whole number from 1"),
    ("ones(1/2,2)", 6, "whole number from 1"),
    ("eye(U1)", 5, "whole number from 1"),
]


@pytest.mark.parametrize(("text", "column", "reason"), SHAPES)
def test_what_does_not_fit_is_refused_with_both_shapes(text: str, column: int, reason: str) -> None:
    with pytest.raises(BadInput) as refusal:
        evaluate(parse(text), MODEL)
    message = str(refusal.value).split("\n")[0]
    assert message.startswith(f"Column {column}: ")
    assert reason in message


@pytest.mark.parametrize(
    ("text", "spec", "reason"),
    [
        ("trace(U1.T*U1)", "linear:1000-1000", "term operations"),
        ("U1", "linear:10000-10000", "term operations"),
        ("U1*U1.T", "linear:300-300", "term operations"),
        ("ones(100000,100000)", "linear:2-2", "term operations"),
        ("sum(U1)^50", "linear:9-9", "term operations"),
        ("norm2(U1)^10", "linear:9-9", "term operations"),
        ("det(U1.T*U1)", "linear:6-6", "term operations"),
        ("det(U1)", "linear:7-7", "expanded up to 6 x 6"),
        ("(U1[1,1]^25)^3", "linear:2-2", "degree 75"),
        ("U1[1,1]^26*U1[1,2]^26", "linear:2-2", "degree 52"),
        ("norm2(U1[1,1]^26)", "linear:2-2", "degree 52"),
        ("det((U1)^26)", "linear:2-2", "term operations|degree"),
        ("(((2^50)^50)^50)^50", "linear:2-2", "bits"),
        ("(" + "9" * 900 + ")^50", "linear:2-2", "bits"),
    ],
)
def test_what_cannot_fit_is_refused_before_the_work(text: str, spec: str, reason: str) -> None:
    with pytest.raises(TooLarge, match=reason):
        evaluate(parse(text), parse_model(spec))


def test_a_determinant_of_six_is_the_sum_over_permutations() -> None:
    value = evaluate(parse("det(U1)"), parse_model("linear:6-6")).entries[0]
    assert len(value.terms) == 720
    for permutation in permutations(range(6)):
        inversions = sum(a > b for k, a in enumerate(permutation) for b in permutation[k + 1 :])
        monomial = tuple((6 * i + j, 1) for i, j in enumerate(permutation))
        assert value.terms[monomial] == (-1) ** inversions


def test_blocks_with_one_axis_are_columns_and_scalars_are_one_by_one() -> None:
    model = PolynomialMap("mixed", (Block("x", (3,)), Block("s", ())), ())
    assert evaluate(parse("x"), model).shape == (3, 1)
    assert evaluate(parse("x[2]"), model).entries == evaluate(parse("x[2,1]"), model).entries
    assert evaluate(parse("s*x"), model).shape == (3, 1)
    with pytest.raises(BadInput, match="3 axes"):
        evaluate(parse("K"), PolynomialMap("cube", (Block("K", (2, 2, 2)),), ()))


Numbers = list[list[Fraction]]
Written = tuple[str, Numbers]
"""An expression and its value at ``POINT``, computed without polynomials."""


def shape_of(value: Numbers) -> tuple[int, int]:
    return len(value), len(value[0])


def transposed(a: Numbers) -> Numbers:
    return [list(column) for column in zip(*a, strict=True)]


def multiplied(a: Numbers, b: Numbers) -> Numbers:
    return [[sum((x * y for x, y in zip(row, col, strict=True)), Fraction(0)) for col in transposed(b)] for row in a]


def leibniz(a: Numbers) -> Fraction:
    total = Fraction(0)
    for p in permutations(range(len(a))):
        inversions = sum(x > y for k, x in enumerate(p) for y in p[k + 1 :])
        total += (-1) ** inversions * prod((a[i][j] for i, j in enumerate(p)), start=Fraction(1))
    return total


SCALAR_FUNCTIONS = ("trace", "norm2", "sum", "det")


@st.composite
def written(draw: st.DrawFn, shape: tuple[int, int], depth: int) -> Written:
    """Expressions of a given shape."""
    rows, columns = shape
    u1 = [[Fraction(POINT[3 * i + j]) for j in range(3)] for i in range(2)]
    u2 = [[Fraction(POINT[6 + 2 * i + j]) for j in range(2)] for i in range(3)]
    leaves: list[Written] = [(f"ones({rows},{columns})", [[Fraction(1)] * columns for _ in range(rows)])]
    for name, block in (("U1", u1), ("U2", u2)):
        if shape_of(block) == shape:
            leaves.append((name, block))
        if shape_of(block) == (columns, rows):
            leaves.append((name + draw(st.sampled_from(["'", ".T"])), transposed(block)))
        if shape == (1, 1):
            i, j = draw(st.integers(1, len(block))), draw(st.integers(1, len(block[0])))
            leaves.append((f"{name}[{i},{j}]", [[block[i - 1][j - 1]]]))
    if shape == (1, 1):
        number = draw(st.fractions(min_value=0, max_value=9, max_denominator=7))
        leaves.append((f"({number})", [[number]]))
    leaf = draw(st.sampled_from(leaves))
    if depth == 0:
        return leaf
    kinds = ["leaf", "sum", "product", "hadamard", "scaled", "transpose", "negative", "divided", "row", "column"]
    kinds += ["power"] if rows == columns else []
    kinds += ["function"] * 3 if shape == (1, 1) else ["diag"] if columns == 1 else []
    kind = draw(st.sampled_from(kinds))
    smaller = depth - 1
    if kind in ("sum", "hadamard"):
        (s, a), (t, b) = draw(written(shape, smaller)), draw(written(shape, smaller))
        operator = draw(st.sampled_from(["+", "-"])) if kind == "sum" else ".*"
        both = [list(zip(x, y, strict=True)) for x, y in zip(a, b, strict=True)]
        if operator == "+":
            return f"({s} + {t})", [[x + y for x, y in row] for row in both]
        if operator == "-":
            return f"({s}-({t}))", [[x - y for x, y in row] for row in both]
        return f"({s}).*({t})", [[x * y for x, y in row] for row in both]
    if kind == "product":
        inner = draw(st.integers(1, 3))
        (s, a), (t, b) = draw(written((rows, inner), smaller)), draw(written((inner, columns), smaller))
        return f"({s}) * ({t})", multiplied(a, b)
    if kind == "scaled":
        (s, a), (t, b) = draw(written((1, 1), smaller)), draw(written(shape, smaller))
        return f"({s})*({t})", [[a[0][0] * x for x in row] for row in b]
    if kind == "divided":
        s, a = draw(written(shape, smaller))
        number = draw(st.integers(1, 9))
        return f"({s})/{number}", [[x / number for x in row] for row in a]
    if kind == "transpose":
        s, a = draw(written((columns, rows), smaller))
        return draw(st.sampled_from([f"({s})'", f"transpose({s})", f"({s}).T"])), transposed(a)
    if kind == "negative":
        s, a = draw(written(shape, smaller))
        return f"-({s})", [[-x for x in row] for row in a]
    if kind == "row" and rows == 1:
        count = draw(st.integers(1, 3))
        s, a = draw(written((count, columns), smaller))
        i = draw(st.integers(1, count))
        return draw(
            st.sampled_from(
                [(f"({s})[{i},:]", [a[i - 1]]), (f"colsums({s})", [[sum(c, Fraction(0)) for c in transposed(a)]])]
            )
        )
    if kind == "column" and columns == 1:
        count = draw(st.integers(1, 3))
        s, a = draw(written((rows, count), smaller))
        j = draw(st.integers(1, count))
        return draw(
            st.sampled_from(
                [
                    (f"({s})[:,{j}]", [[row[j - 1]] for row in a]),
                    (f"rowsums({s})", [[sum(row, Fraction(0))] for row in a]),
                ]
            )
        )
    if kind == "power":
        s, a = draw(written(shape, smaller))
        exponent = draw(st.integers(0, 3))
        value = [[Fraction(i == j) for j in range(columns)] for i in range(rows)]
        for _ in range(exponent):
            value = multiplied(value, a)
        return f"({s})^{exponent}", value
    if kind == "diag":
        s, a = draw(written((rows, rows), smaller))
        return f"diag({s})", [[a[i][i]] for i in range(rows)]
    if kind == "function":
        function = draw(st.sampled_from(SCALAR_FUNCTIONS))
        side = draw(st.integers(1, 3))
        s, a = draw(written((side, side), smaller))
        entries = [x for row in a for x in row]
        value = {
            "trace": lambda: sum((a[i][i] for i in range(side)), Fraction(0)),
            "norm2": lambda: sum((x * x for x in entries), Fraction(0)),
            "sum": lambda: sum(entries, Fraction(0)),
            "det": lambda: leibniz(a),
        }[function]()
        return f"{function}({s})", [[value]]
    return leaf


@given(st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(lambda shape: written(shape, 4)))
def test_random_expressions_agree_with_rational_arithmetic(case: Written) -> None:
    text, expected = case
    try:
        value = evaluate(parse(text), MODEL)
    except TooLarge:
        return  # the degree or the work, never the shape
    assert value.shape == shape_of(expected)
    assert at_point(value) == expected
