"""Reading untrusted text: closed, bounded, exact."""

import json
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.kernel import verify_text
from flowlaw.oracles.kernel._exact import Polynomial, read_polynomial
from flowlaw.oracles.kernel._read import DENOMINATOR_BITS, TEXT_LIMIT, Node, Rejected, parse, whole

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values)
def test_any_json_is_answered_without_an_exception(found: object) -> None:
    assert not verify_text(json.dumps(found)).accepted


@given(st.text())
def test_any_text_is_answered_without_an_exception(text: str) -> None:
    judgement = verify_text(text)
    assert not judgement.accepted
    judgement.reason.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{}{}", "not JSON"),
        ('{"a": 1, "a": 2}', "a name occurs twice"),
        ('{"a": {"b": 1, "b": 1}}', "a name occurs twice"),
        ("1.0", "1.0 is not an integer"),
        ("1e3", "1e3 is not an integer"),
        ("-0.0", "-0.0 is not an integer"),
        ("NaN", "NaN is not an integer"),
        ("[Infinity]", "Infinity is not an integer"),
        ("-Infinity", "-Infinity is not an integer"),
        ("9" * 4001, "a number has more than 4000 digits"),
        ("[" * 10**5, "not JSON"),
        ('"\\ud800"', "not an object"),
        ("\ufeff{}", "not JSON"),
        (" " * (TEXT_LIMIT + 1), "more than"),
    ],
)
def test_what_is_not_a_plain_json_object_is_refused(text: str, reason: str) -> None:
    judgement = verify_text(text)
    assert not judgement.accepted
    assert reason in judgement.reason
    assert len(judgement.reason) < 500


def test_names_from_the_file_cannot_paint_the_terminal() -> None:
    judgement = verify_text('{"flowlaw":"certificate","version":1,"claim":{},"witness":{},"\\u001b[31m\\ud800":1}')
    assert "\x1b" not in judgement.reason
    judgement.reason.encode()
    judgement = verify_text('{"flowlaw":"certificate","version":"\\u001b[31m\\ud800","claim":{},"witness":{}}')
    assert "\x1b" not in judgement.reason
    judgement.reason.encode()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (0, 0),
        (-7, -7),
        ("0", 0),
        ("-7", -7),
        ("3/2", Fraction(3, 2)),
        ("-4/6", Fraction(-2, 3)),
        ("4/2", 2),
        ("0/5", 0),
    ],
)
def test_rationals_are_integers_or_fractions(written: int | str, number: Fraction | int) -> None:
    read = Node(written, "x").rational()
    assert read == number
    assert type(read) in (int, Fraction)


@pytest.mark.parametrize(
    "written",
    [True, False, None, 1.0, "", " ", "1 ", " 1", "+1", "01", "-", "1/", "/2", "1/02", "1/-2", "1/0", "1//2", "1.5",
     "1e3", "0x1", "\u0661", "\u00bd", "nan", "1_0", "1\n", [], {}, b"1", 10**4001, -(10**4001), "9" * 4001],
)  # fmt: skip
def test_nothing_else_is_a_number(written: object) -> None:
    with pytest.raises(Rejected):
        Node(written, "x").rational()


def test_a_lower_limit_of_the_interpreter_is_no_crash() -> None:
    """``PYTHONINTMAXSTRDIGITS`` may be as low as 640."""
    text = '{"flowlaw":"certificate","version":1,"claim":{"kind":"value","point":["%s"],"values":[[1,1]]},"witness":{}}'
    before = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(640)
        judgement = verify_text(text % ("9" * 1000))
        assert not judgement.accepted
        assert "limits of this machine or interpreter" in judgement.reason
        assert "not JSON" in verify_text("9" * 1000).reason
    finally:
        sys.set_int_max_str_digits(before)
    assert verify_text(text % ("9" * 1000)).accepted


def test_an_integer_of_four_thousand_digits_is_the_longest() -> None:
    assert Node("-" + "9" * 3999, "x").rational() == -(10**3999) + 1
    assert parse("9" * 4000) == 10**4000 - 1
    assert Node(10**4000 - 1, "x").rational() == 10**4000 - 1


WRITTEN_WRONGLY: list[Any] = [
    [[1, [[0, 1]]], [2, [[0, 1]]]],
    [[1, [[1, 1], [0, 1]]]],
    [[1, [[0, 1], [0, 1]]]],
    [[0, [[0, 1]]]],
    [[1, [[0, 0]]]],
    [[1, [[0, -1]]]],
    [[1, [[0, 201]]]],
    [[1, [[0, 150], [1, 51]]]],
    [[1, [[2, 1]]]],
    [[1, [[-1, 1]]]],
    [[1, [[0]]]],
    [[1]],
    [[1, [[0, 1]], 1]],
    [1],
    [[True, []]],
    [[1, [[True, 1]]]],
    [[1, [[0, True]]]],
    {"0": 1},
    [[1, [[i % 2, 1]]] for i in range(2)] * 6,
]


@pytest.mark.parametrize("terms", WRITTEN_WRONGLY)
def test_a_polynomial_is_written_in_one_way_only(terms: object) -> None:
    with pytest.raises(Rejected):
        read_polynomial(Node(terms, "a law"), 2, 10)


def test_a_polynomial_is_read_as_written() -> None:
    written: list[Any] = [["-3/2", [[0, 1], [1, 2]]], [4, []]]
    assert read_polynomial(Node(written, "a law"), 2, 2) == Polynomial({((0, 1), (1, 2)): -3, (): 8}, 2)
    assert read_polynomial(Node([], "a law"), 2, 0) == Polynomial({})


def test_common_denominators_are_bounded() -> None:
    assert whole([1, Fraction(1, 4), Fraction(5, 6)]) == ([12, 3, 10], 12)
    assert whole([]) == ([], 1)
    with pytest.raises(Rejected, match="common denominator"):
        whole([Fraction(1, 2**DENOMINATOR_BITS)])
