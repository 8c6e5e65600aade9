"""Files of recorded weights, good and hostile."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from flowlaw.gate import tensors
from flowlaw.gate.audit import snapshots
from flowlaw.gate.audit.snapshots import Snapshots, read_snapshot
from flowlaw.oracles.errors import BadInput, TooLarge

WEIGHTS = {"fc.weight": np.array([[1.5, -2.0], [0.25, 3.0]]), "fc.bias": np.array([0.5, -1.0])}


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if path.suffix == ".npz":
        single = {key: values.astype(np.float32) for key, values in WEIGHTS.items()}
        np.savez(path, allow_pickle=False, **single)
    else:
        path.write_bytes(tensors.write(WEIGHTS, "F32"))
    return path


@pytest.mark.parametrize("name", ["step-3.safetensors", "step-3.npz"])
def test_weights_come_back_as_float64(tmp_path: Path, name: str) -> None:
    read = read_snapshot(written(tmp_path, name), 3)
    assert (read.step, read.dtype) == (3, "float32")
    assert read.tensors.keys() == WEIGHTS.keys()
    for key, values in WEIGHTS.items():
        assert read.tensors[key].dtype == np.float64
        assert (read.tensors[key] == values).all()


def test_steps_are_found_in_their_order_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("step-10.npz", "step-9.npz", "step-1.npz.part", "note.txt", "step-x.npz", "a-step-2.npz"):
        (tmp_path / name).write_bytes(b"")
    assert list(Snapshots(tmp_path, "step-{step}.npz").files()) == [9, 10]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("weights.npz", "needs {step} once"),
        ("{step}-{step}.npz", "needs {step} once"),
        ("{step}-{epoch}.npz", "needs {step} once"),
        ("../{step}.npz", "leads out"),
        ("/tmp/{step}.npz", "leads out"),
        ("{step}.pt", "neither"),
    ],
)
def test_patterns_that_name_nothing_good_are_refused(tmp_path: Path, pattern: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Snapshots(tmp_path, pattern)


def test_a_folder_without_snapshots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No file in"):
        Snapshots(tmp_path, "step-{step}.npz").files()


def test_two_files_of_one_step_are_refused(tmp_path: Path) -> None:
    for name in ("step-1.npz", "step-01.npz"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInput, match="both step 1"):
        Snapshots(tmp_path, "step-{step}.npz").files()


@pytest.mark.parametrize("name", ["step-3.safetensors", "step-3.npz"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(BadInput, match="step-3"):
            read_snapshot(path, 3)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "step-0.npz"
    np.savez(path, w=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadInput, match="dtype object"):
        read_snapshot(path, 0)


def test_integers_and_mixed_floats_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "step-0.npz"
    np.savez(path, w=np.arange(3))
    with pytest.raises(BadInput, match="dtype int64"):
        read_snapshot(path, 0)
    np.savez(path, w=np.zeros(2), v=np.zeros(2, dtype=np.float32))
    with pytest.raises(BadInput, match="one dtype"):
        read_snapshot(path, 0)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-0.npz"
    np.savez(path, w=np.array([1.0, np.nan]))
    with pytest.raises(BadInput, match="not finite"):
        read_snapshot(path, 0)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "FILE_BYTES", 10_000)
    path = tmp_path / "step-0.npz"
    np.savez_compressed(path, w=np.zeros(100_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(TooLarge, match="unpacks"):
        read_snapshot(path, 0)


def test_a_header_that_announces_more_than_is_there_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9,)})
    path = tmp_path / "step-0.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", header.getvalue() + bytes(80))
    with pytest.raises(BadInput, match="announces more"):
        read_snapshot(path, 0)
