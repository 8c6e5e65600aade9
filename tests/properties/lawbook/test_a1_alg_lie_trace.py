import numpy as np
import pytest

from flowlaw.oracles.kernel import verify
from flowlaw.oracles.lie import balance_rank
from flowlaw.oracles.models import parse_model
from flowlaw.properties.lawbook.a1_alg_lie_trace import SHORTCUT, TRAPS, Fields, leibniz, lie_trace

NOTEBOOK = (  # noqa: SIM905  # fifty words read better than fifty literals
    "5-3-2 5-5-4-4-5 3-4-2-4 2-2-2 4-2-5 3-2-3-3 2-4-5-2-2 2-3-3 2-5-4-3 2-4-2-2 2-4-3-4-4 3-2-4 4-5-3 "
    "3-2-3 5-5-2 5-5-3-2 3-4-5-4-2 5-2-3 3-4-5 3-5-5-3-2 5-5-5 5-5-4-4-5 5-2-3 3-4-3-2-3 5-4-3 2-5-4 "
    "3-2-3-5 4-5-5-5 3-2-5 5-5-3-5 2-4-5-2 3-5-3-4 3-5-3 3-2-4-2 3-3-3 3-3-3-3 4-4-5-4-4 4-5-2 5-2-3-2-4 "
    "5-3-3-2 2-4-2-4 2-3-5 2-2-3 2-2-4 3-3-5-5-2 3-5-5-5-5 5-3-3-5-3 5-5-2-2 4-5-4 4-2-5"
).split()
"""The 50 linear networks of the authors' notebook, in its order."""


def test_three_generators_fail_exactly_where_the_theory_says() -> None:
    failing: list[int] = []
    for number, widths in enumerate(NOTEBOOK):
        model = parse_model(f"linear:{widths}")
        truth = model.parameters - balance_rank([int(width) for width in widths.split("-")])
        trace = lie_trace(model, first=SHORTCUT, target=truth)
        assert trace.rank <= truth
        if trace.rank < truth:
            failing.append(number)
    assert failing == [2, 12, 14, 29, 31, 32, 37, 47]
    assert tuple(NOTEBOOK[number] for number in failing) == TRAPS


def test_the_bracket_of_two_hand_written_fields() -> None:
    # phi = (u v1, u v2) for 1-1-2: X_1 = (v1, u, 0), X_2 = (v2, 0, u), and [X_1, X_2] = (0, v2, -v1)
    fields = Fields(parse_model("linear:1-1-2"))
    assert fields.bracket((0, 1), np.array([[2, 3, 5]]))[0].tolist() == [0, 5, -3]


def test_a_target_stops_the_search() -> None:
    trace = lie_trace(parse_model("linear:4-5-2"), target=10)
    assert trace.rank == 10
    assert trace.history[-1] == 10


def test_the_depth_limits_the_levels() -> None:
    assert lie_trace(parse_model("linear:2-4-5-2"), depth=2).levels == (4, 8)


@pytest.mark.parametrize(("sign", "accepted"), [(1, True), (-1, False)])
def test_the_product_rule_has_a_sign(sign: int, accepted: bool) -> None:
    assert verify(leibniz(sign)).accepted is accepted
