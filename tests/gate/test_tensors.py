"""The strict reader of safetensors, against the library and against hostile files."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.gate import tensors
from flowlaw.oracles.errors import BadInput

ONE = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}


def file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(**changes: object) -> dict[str, object]:
    return {"w": {**ONE, **changes}}


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16"])
def test_what_is_written_is_read_by_the_library_and_by_us(dtype: str) -> None:
    library = pytest.importorskip("safetensors.numpy")
    values = {"w": np.arange(6.0).reshape(2, 3), "scalar": np.array(2.5), "empty": np.zeros((0, 3))}
    content = tensors.write(values, dtype)
    theirs, ours = library.load(content), tensors.read(content, "it")
    assert list(ours) == list(values)
    for name, expected in values.items():
        assert np.array_equal(theirs[name], expected)
        assert np.array_equal(ours[name], expected)


def test_what_the_library_writes_is_read() -> None:
    library = pytest.importorskip("safetensors.numpy")
    values = {
        "b": np.array([True, False]),
        "n": np.array([[3]], dtype=np.int64),
        "h": np.array([0.5], dtype=np.float16),
    }
    found = tensors.read(library.save(values, metadata={"made": "here"}), "it")
    assert {name: array.tolist() for name, array in found.items()} == {"b": [True, False], "n": [[3]], "h": [0.5]}


def test_bfloat16_is_rounded_to_even_and_read_exactly() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-7, np.inf, np.nan, 3.4e38])
    found = tensors.read(tensors.write({"w": values}, "BF16"), "it")["w"]
    assert found[:5].tolist() == [1.0, 1.0, 1 + 2**-6, -1 - 2**-7, np.inf]
    assert np.isnan(found[5])
    assert found[6] == np.inf
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0).normal(size=1000)
    theirs = torch.tensor(random, dtype=torch.float32).to(torch.bfloat16).to(torch.float32).numpy()
    assert np.array_equal(tensors.read(tensors.write({"w": random}, "BF16"), "it")["w"], theirs)


HOSTILE = {
    "empty": (b"", "8 bytes"),
    "7 bytes": (b"1234567", "8 bytes"),
    "header beyond the end": (file(b"{}", length=100), "a header of 100"),
    "header of 2^63 bytes": (file(b"{}", length=2**63), "announce"),
    "no JSON": (file(b"{]"), "not JSON"),
    "no UTF-8": (file(b"\xff\xfe"), "not JSON"),
    "a list": (file([]), "not a JSON object"),
    "nested": (file(b"[" * 50_000), "not JSON"),
    "NaN": (file(b'{"w": NaN}'), "not JSON"),
    "a name twice": (file(b'{"w": 1, "w": 2}'), "twice"),
    "no object": (file({"w": 3}), "'w'"),
    "unknown field": (file(entry(extra=1), b"0" * 16), "no others"),
    "unknown dtype": (file(entry(dtype="F8_E4M3"), b"0" * 16), "F8_E4M3"),
    "dtype of another type": (file(entry(dtype=[]), b"0" * 16), "dtype"),
    "negative size": (file(entry(shape=[-2]), b"0" * 16), "shape"),
    "size true": (file(entry(shape=[True, 2]), b"0" * 16), "shape"),
    "size 2.0": (file(entry(shape=[2.0]), b"0" * 16), "shape"),
    "overflowing sizes": (file(entry(shape=[2**61, 16]), b"0" * 16), "takes"),
    "astronomic size": (file(entry(shape=[10**30]), b"0" * 16), "shape"),
    "too many axes": (file(entry(shape=[1] * 17), b"0" * 16), "16"),
    "offsets reversed": (file(entry(data_offsets=[16, 0]), b"0" * 16), "begin not after end"),
    "one offset": (file(entry(data_offsets=[16]), b"0" * 16), "data_offsets"),
    "offsets too near": (file(entry(data_offsets=[0, 8]), b"0" * 16), "takes 16 bytes"),
    "data missing": (file(entry(), b"0" * 15), "15 bytes of data"),
    "data left over": (file(entry(), b"0" * 17), "17 bytes of data"),
    "a gap": (file(entry(data_offsets=[8, 24]), b"0" * 24), "gap"),
    "an overlap": (file({"v": ONE, "w": {**ONE, "data_offsets": [8, 24]}}, b"0" * 24), "overlaps"),
    "the same data twice": (file({"v": ONE, "w": ONE}, b"0" * 16), "overlaps"),
    "no name": (file({"": ONE}, b"0" * 16), "name"),
    "long name": (file({"w" * 501: ONE}, b"0" * 16), "501"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_name_and_costs_no_memory(name: str) -> None:
    content, says = HOSTILE[name]
    tracemalloc.start()
    with pytest.raises(BadInput, match="the snapshot") as refused:
        tensors.read(content, "the snapshot")
    spent = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert says in str(refused.value)
    assert len(str(refused.value)) < 600
    assert spent < 2_000_000 + 20 * len(content)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_damage_anywhere_is_read_or_refused_and_nothing_else(damage: bytes, where: int) -> None:
    good = tensors.write({"w": np.arange(4.0), "v": np.ones((2, 2))})
    content = good[:where] + damage + good[where + len(damage) :]
    try:
        found = tensors.read(content, "it")
    except BadInput:
        return
    assert sum(array.nbytes for array in found.values()) <= len(content)
