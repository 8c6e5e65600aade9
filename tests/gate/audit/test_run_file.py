"""Run files: what they say, and what is refused."""

from pathlib import Path

import pytest

from flowlaw.gate.audit.run_file import RunFile, read_run_file
from flowlaw.oracles.dynamics import SGD, Grouped
from flowlaw.oracles.errors import BadInput

GOOD = """
version = 1
dtype = "float32"

[optimizer]
kind = "sgd"
lr = 0.1
momentum = 0.9

[[schedule]]
from = 5
lr = 0.01

[[charge]]
kind = "relu"
layers = ["fc1", "fc2", "fc3"]

[[charge]]
kind = "linear"
layers = ["fc1", "fc2"]

[[charge]]
kind = "translation"
name = "columns of fc3"
slices = [["fc3.weight", 1]]
"""
SHAPES = {"fc1.weight": (4, 3), "fc1.bias": (4,), "fc2.weight": (5, 4), "fc3.weight": (2, 5)}


def read(folder: Path, text: str) -> RunFile:
    (folder / "run.toml").write_text(text)
    return read_run_file(folder)


def use(folder: Path, text: str) -> None:
    file = read(folder, text)
    file.description(list(SHAPES))
    file.families(SHAPES)


def test_a_run_file_names_optimizer_schedule_and_charges(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD)
    sgd = file.description(list(SHAPES))
    assert sgd == SGD(lr=0.1, momentum=0.9)
    assert [file.schedule_of(sgd, k) for k in (0, 4, 5)] == [sgd, sgd, SGD(lr=0.01, momentum=0.9)]
    families = file.families(SHAPES)
    assert [len(family.names) for family in families] == [4, 5, 10, 5]
    assert [family.kind for family in families] == ["quadratic", "quadratic", "quadratic", "linear"]
    assert families[0].names[1] == "neuron 1 of fc1"
    assert families[2].names[1] == "neurons 0 and 1 of fc1"
    assert families[3].names[4] == "columns of fc3 4"
    assert families[0].tensors(()) == (0, 1, 2)


def test_groups_take_patterns(tmp_path: Path) -> None:
    groups = """
version = 1
[[optimizer.groups]]
kind = "sgd"
lr = 0.1
weight_decay = 0.01
tensors = ["*.weight"]
[[optimizer.groups]]
kind = "sgd"
lr = 0.1
tensors = ["*.bias"]
"""
    described = read(tmp_path, groups).description(list(SHAPES))
    assert described == Grouped((SGD(lr=0.1, weight_decay=0.01), SGD(lr=0.1)), (0, 1, 0, 0))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 1", "version = 2", "needs version = 1"),
        ("version = 1", "version = true", "needs version = 1"),
        ("version = 1", "version = 1\nsnapshotz = 1", "Did you mean 'snapshots'"),
        ('"float32"', '"float31"', "dtype is one of"),
        ("[optimizer]", "[optimiser]", "Did you mean 'optimizer'"),
        ("lr = 0.1", "lr = true", "lr is a number"),
        ("lr = 0.1", "lr = nan", "has to be finite"),
        ("momentum", "momentun", "Did you mean 'momentum'"),
        ("from = 5", "from = -5", "not negative"),
        ("from = 5", "until = 5", "from"),
        ('"relu"', '"reluu"', "Did you mean 'relu'"),
        ('layers = ["fc1", "fc2", "fc3"]', "layers = 3", "list of texts"),
        ('layers = ["fc1", "fc2", "fc3"]', 'layers = ["fc1"]', "two layers or more"),
        ('layers = ["fc1", "fc2", "fc3"]', 'layers = ["fc1", "fc9"]', "Did you mean"),
        ('layers = ["fc1", "fc2", "fc3"]', 'layers = ["fc1", "fc3"]', "differ in number"),
        ('slices = [["fc3.weight", 1]]', "slices = []", "needs slices"),
        ('slices = [["fc3.weight", 1]]', 'slices = [["fc3.weight", 2]]', "axis 2"),
        ('slices = [["fc3.weight", 1]]', 'slices = [["fc3.weight", "1"]]', "tensor and axis"),
        ('slices = [["fc3.weight", 1]]', 'slice = [["fc3.weight", 1]]', "Did you mean 'slices'"),
    ],
)
def test_what_a_run_file_gets_wrong_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInput, match=says):
        use(tmp_path, GOOD.replace(old, new, 1))


def test_a_schedule_out_of_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="in order"):
        read(tmp_path, GOOD + "\n[[schedule]]\nfrom = 5\nlr = 1\n")


def test_a_missing_run_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"run\.toml"):
        read_run_file(tmp_path)
