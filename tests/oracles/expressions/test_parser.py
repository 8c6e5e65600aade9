"""What the grammar reads, what it refuses, and where it points."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowlaw.oracles import limits
from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.expressions import FUNCTIONS, evaluate, parse
from flowlaw.oracles.models import parse_model

SAME = [
    ("U1 + U2 ", "U1+U2"),
    ("\tU1\n+U2", "U1+U2"),
    ("((U1))", "U1"),
    ("--U1", "U1"),
    ("+U1", "U1"),
    ("1 - -2", "1 + 2"),
    ("U1'", "U1.T"),
    ("a*b*c", "(a)*(b)*c"),
    ("-x^2", "-(x^2)"),
    ("2*-x", "2*(-x)"),
    ("2*--x", "2*x"),
    ("0.50", "0.5"),
]

REFUSED = [
    ("", 1, "expected a block, a number, a function or '(', found the end"),
    ("  ", 3, "found the end"),
    ("U1 U2", 4, "write * for products"),
    ("2U1", 2, "write * for products"),
    ("U1*", 4, "found the end"),
    ("*U1", 1, "found '*'"),
    ("(U1", 4, "expected ')'"),
    ("U1)", 3, "expected an operator or the end"),
    ("trace", 6, "expected '(' after the function trace"),
    ("trace()", 7, "found ')'"),
    ("trace(U1", 9, "expected ')', found the end"),
    ("trace(U1,U2)", 12, "expected 1 argument of trace"),
    ("ones(2)", 7, "expected 2 arguments of ones"),
    ("trac(U1)", 1, "Did you mean 'trace'"),
    ("Trace(U1)", 1, "Did you mean 'trace'"),
    ("exec(U1)", 1, "is not a function"),
    ("U1(1,2)", 1, "written with brackets"),
    ("U1[]", 4, "expected an index"),
    ("U1[1,2,3]", 7, "expected ']'"),
    ("U1[-1]", 4, "expected an index"),
    ("U1[1.5]", 4, "expected an index"),
    ("U1[i]", 4, "expected an index"),
    ("U1[1:2]", 5, "expected ']'"),
    ("U1^U2", 4, "whole exponent"),
    ("U1^-1", 4, "whole exponent"),
    ("U1^0.5", 4, "whole exponent"),
    ("U1^2^3", 5, "parentheses around the first power"),
    ("U1**2", 3, "Write ^ for powers"),
    ("U1@U2", 3, "Write * for matrix products"),
    ("U1.t", 3, "Write 0.5 with its zero, .T for a transpose"),
    ("U1.Tx", 3, "'.' is not part"),
    (".5", 1, "Write 0.5 with its zero"),
    ("5.", 2, "'.' is not part"),
    ("U1 = U2", 4, "one side only"),
    ("U1; U2", 3, "one expression"),
    ("U1\u2212U2", 3, "plain ASCII minus"),
    ("U\u0661", 2, "not part of an expression"),
    ("\u0661", 1, "not part of an expression"),
    ("U1\x00", 3, "not part of an expression"),
    ("__import__('os')", 1, "not part of an expression"),
    ("lambda: 0", 7, "found ':'"),
    ("U1 if 1 else U2", 4, "write * for products"),
    ('"U1"', 1, "not part of an expression"),
    ("1e400", 2, "found 'e400'"),
]


@pytest.mark.parametrize(("text", "other"), SAME)
def test_spellings_of_one_expression_are_equal(text: str, other: str) -> None:
    assert parse(text).root == parse(other).root
    assert str(parse(text)) == text


@pytest.mark.parametrize(("text", "column", "reason"), REFUSED)
def test_a_refusal_points_at_the_column(text: str, column: int, reason: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(text)
    message, line, caret = str(refusal.value).split("\n")
    assert message.startswith(f"Column {column}: ")
    assert reason in message
    assert caret.index("^") == column + 1
    assert len(line) == len(text) + 2
    assert message.isascii()


def test_the_caret_follows_a_long_line() -> None:
    with pytest.raises(BadInput) as refusal:
        parse("U1 + " * 200 + "?" + " + U1" * 200)
    message, line, caret = str(refusal.value).split("\n")
    assert message.startswith("Column 1001: ")
    assert line[caret.index("^")] == "?"
    assert len(line) < 100


LARGE = [
    "U1 + " * limits.EXPRESSION_CHARACTERS,
    "(" * 101 + "U1" + ")" * 101,
    "trace(" * 101 + "U1" + ")" * 101,
    "-(1+2*" * 60 + "x" + ")" * 60,
    "U1" + "'" * 200,
    "U1" + "[:,1]" * 200,
    "x^51",
    "x^" + "9" * 5_000,
    "9" * 1_001,
    "x[" + "9" * 1_001 + "]",
]


@pytest.mark.parametrize("text", LARGE)
def test_expressions_above_the_limits_are_too_large(text: str) -> None:
    with pytest.raises(TooLarge) as refusal:
        parse(text)
    assert len(str(refusal.value)) < 500


def test_expressions_at_the_limits_are_read() -> None:
    parse("(" * 100 + "x" + ")" * 100)
    parse("x^50")
    parse("+".join(["x"] * 5_000))
    parse("-" * 9_000 + "x")
    parse("9" * 1_000)


SIGNS = [*"()[],:+-*/^' ?.", ".*", ".T", "\u2212"]
WORDS = st.sampled_from([*FUNCTIONS, *SIGNS, "U1", "U2", "W", "x", "0", "1", "2", "51", "0.5", "3/2"])


@given(st.text(max_size=40) | st.lists(WORDS, max_size=25).map("".join))
@example("U1[0,1]")
@example("eye(0)")
@example("ones(100000,100000)")
@example("((2^50)^50)^50")
@example("(1/3)^50*(1/7)^50")
@example("det(U1*U2)/0")
@example("sum(U1)^50")
@example("(U1*U2)^3")
@example("U1^0")
@example("x" * 10_001)
def test_any_text_is_a_matrix_or_bad_input(text: str) -> None:
    try:
        value = evaluate(parse(text), parse_model("linear:2-3-2"))
    except BadInput:
        return
    assert len(value.entries) == value.shape[0] * value.shape[1] > 0
    assert all(entry.degree <= limits.EXPRESSION_DEGREE for entry in value.entries)


@pytest.mark.slow
def test_a_power_that_works_until_the_budget_is_spent_is_too_large() -> None:
    with pytest.raises(TooLarge, match="term operations"):
        evaluate(parse("(U1*U2)^25"), parse_model("linear:2-3-2"))


@given(st.integers(0, 10**20), st.integers(1, 10**20), st.integers(0, 10**12))
def test_literals_are_exact(numerator: int, denominator: int, decimals: int) -> None:
    model = parse_model("monomial:1")
    assert evaluate(parse(f"{numerator}/{denominator}"), model).entries[0].terms.get((), 0) == Fraction(
        numerator, denominator
    )
    text = f"{numerator}.{decimals}"
    assert evaluate(parse(text), model).entries[0].terms.get((), 0) == Fraction(text)
