"""Points are read exactly, refused clearly, and looked at for degeneracy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.points import local_ranks, read_point

MODEL = parse_model("linear:2-2-1")


def read(tmp_path: Path, text: str) -> list[int | Fraction]:
    path = tmp_path / "point.toml"
    path.write_text(text)
    return read_point(path, MODEL)


def test_whole_numbers_fractions_and_decimals_are_read_exactly(tmp_path: Path) -> None:
    assert read(tmp_path, 'U1 = [[1, "-3/2"], ["0.1", "7"]]\nU2 = [["6/4"], [0]]') == [
        1,
        Fraction(-3, 2),
        Fraction(1, 10),
        7,
        Fraction(3, 2),
        0,
    ]


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("U1 = [[1, 2], [3, 4]]", "U2"),
        ("U1 = [[1, 2], [3, 4]]\nU2 = [[1], [2]]\nU3 = []", "U3"),
        ("U1 = [[1, 2], [3]]\nU2 = [[1], [2]]", "shape"),
        ("U1 = [[1, 2], [3, 4]]\nU2 = [1, 2]", "shape"),
        ("U1 = [[1, 2], [3, 4.5]]\nU2 = [[1], [2]]", "4.5"),
        ('U1 = [[1, 2], [3, "1/0"]]\nU2 = [[1], [2]]', "1/0"),
        ('U1 = [[1, 2], [3, "__import__"]]\nU2 = [[1], [2]]', "__import__"),
        ("U1 = [[1, 2], [3, true]]\nU2 = [[1], [2]]", "True"),
        ("U1 = [[1, 2", "TOML"),
        ("x = " + "[" * 5000, "TOML|nested too deeply"),
    ],
)
def test_what_is_not_a_point_of_the_model_is_refused(tmp_path: Path, text: str, culprit: str) -> None:
    with pytest.raises(BadInput, match=culprit):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("spec", "point", "ranks"),
    [
        ("linear:2-2-2", [1, 1, 2, 2, 1, 1, 1, 1], (3, 3, 2, False)),
        ("linear:2-2-2", [0] * 8, (0, 0, 0, False)),
        ("linear:2-2-2", [1, 2, 3, 5, 7, 1, -2, 4], (4, 5, 3, True)),
        ("relu:1-1-1", [0, 1], (1, 1, 1, True)),
        ("relu:1-2-1", [0, 1, 1, 0], (2, 2, 2, True)),
        ("relu:1-2-1", [0, 1, 0, 0], (1, 1, 1, False)),
        ("linear:1-2-2-1", [1, 2, 3, 4, 5, 6, 7, 9], (1, 1, 7, True)),
        ("linear:1-2-2-1", [0] * 8, (0, 0, 0, False)),
    ],
)
def test_ranks_at_special_points(spec: str, point: list[int], ranks: tuple[int, int, int, bool]) -> None:
    model = parse_model(spec)
    found = local_ranks(model, point, find_completeness(model))
    assert (found.w_dimension, found.lie_dimension, found.law_rank, found.generic) == ranks
