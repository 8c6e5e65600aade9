import os
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from flowlaw.oracles.errors import BadInput
from flowlaw.simulations import Enclosure, Trajectory, load, save

half = Fraction(1, 2)
EXACT = Trajectory(
    (0, half), ((half, Fraction(-3)), (Fraction(10**40, 7), Fraction(0))), "rational", {"a": "b"}, ((half, half),)
)
BALLS = Trajectory(
    (0, 1), (Enclosure((half,), Fraction(0)), Enclosure((Fraction(1, 3),), Fraction(1, 10**50))), "balls"
)
FLOATS = Trajectory(
    (0.0, 0.1),
    (np.array([1.5, np.nan]), np.array([-np.inf, 5e-324])),
    "float64",
    {"method": "RK4"},
    (np.array([0.1, 0.2]),),
)
SINGLE = Trajectory((0.0,), (np.arange(6, dtype=np.float32).reshape(2, 3),), "float32")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("trajectory", [EXACT, BALLS, FLOATS, SINGLE], ids=["exact", "balls", "floats", "float32"])
def test_a_saved_trajectory_is_read_back_to_the_last_bit(
    tmp_path: Path, trajectory: Trajectory[Any], suffix: str
) -> None:
    path = tmp_path / f"flow{suffix}"
    save(trajectory, path)
    back = load(path)
    assert (back.times, back.arithmetic, dict(back.meta)) == (trajectory.times, trajectory.arithmetic, trajectory.meta)
    for mine, theirs in zip((*trajectory.points, *trajectory.gradients), (*back.points, *back.gradients), strict=True):
        if isinstance(mine, np.ndarray):
            assert isinstance(theirs, np.ndarray)
            ours = cast("NDArray[Any]", mine)
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
        else:
            assert mine == theirs
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flow.npz"
    save(EXACT, path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="No space left"):
        save(FLOATS, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["flow.npz"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        save(EXACT, tmp_path / "nowhere" / "flow.npz")


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Choose one of these endings"):
        save(EXACT, tmp_path / "flow.pickle")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("cut", [0, 5, 40, 200])
def test_a_damaged_file_is_a_bad_input_and_no_crash(tmp_path: Path, suffix: str, cut: int) -> None:
    path = tmp_path / f"flow{suffix}"
    save(BALLS, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadInput, match="not a trajectory"):
        load(path)


def test_a_file_with_pickled_objects_is_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, header=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="allow_pickle"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.npz"):
        load(tmp_path / "gone.npz")


def test_points_without_times_are_refused() -> None:
    with pytest.raises(BadInput, match="one time a point"):
        Trajectory((0, 1), ((half,),), "rational")


def test_one_gradient_is_wanted_for_each_step() -> None:
    with pytest.raises(BadInput, match="one a step"):
        Trajectory((0,), ((half,),), "rational", gradients=((half,),))


def test_an_enclosure_contains_its_boundary_and_nothing_beyond() -> None:
    ball = Enclosure((Fraction(0), Fraction(0)), Fraction(5))
    assert ball.contains((3, 4))
    assert not ball.contains((3, Fraction(40001, 10000)))


@pytest.mark.parametrize(
    ("middle", "radius", "digits"),
    [
        (0, "1e-20", 20),
        (0, "9e-20", 19),
        (0, "1.0001e-20", 19),
        (50, "5e-20", 21),
        (0, "3", -1),
        (0, "1", 0),
        (0, "100", -2),
    ],
)
def test_digits_are_counted_from_the_largest_entry(middle: int, radius: str, digits: int) -> None:
    assert Enclosure((Fraction(middle),), Fraction(radius)).digits == digits
