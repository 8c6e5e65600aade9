"""Certificates as text and as files."""

import errno
import json
import os
from fractions import Fraction
from pathlib import Path

import pytest

from flowlaw.oracles.certificates import (
    canonical,
    certificate,
    digest,
    laws_json,
    number_json,
    polynomial_json,
    write_text,
)
from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.polynomials import Polynomial


def test_a_certificate_has_one_text() -> None:
    one = {"version": 1, "flowlaw": "certificate", "witness": {}, "claim": {"b": 1, "a": [1, "2/3"]}}
    assert canonical(one) == '{"claim":{"a":[1,"2/3"],"b":1},"flowlaw":"certificate","version":1,"witness":{}}\n'
    assert canonical(one) == canonical(json.loads(canonical(one)))
    assert digest(one) == digest(dict(reversed(one.items())))
    assert len(digest(one)) == 64
    assert digest(certificate({"a": 1})) != digest(certificate({"a": 2}))


def test_a_certificate_has_four_fields() -> None:
    assert certificate({"kind": "x"}) == {"flowlaw": "certificate", "version": 1, "claim": {"kind": "x"}, "witness": {}}


def test_floats_that_are_not_numbers_have_no_text() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"a": float("nan")})


def test_numbers_and_polynomials_are_written_exactly() -> None:
    assert [number_json(value) for value in (0, -3, Fraction(-3, 2), 10**30)] == [0, -3, "-3/2", 10**30]
    x, y = Polynomial.variable(0), Polynomial.variable(3)
    law = (x**2 * y).scaled(Fraction(1, 2)) - y + Polynomial.constant(7)
    assert polynomial_json(law) == [[7, []], ["1/2", [[0, 2], [3, 1]]], [-1, [[3, 1]]]]
    assert polynomial_json(Polynomial()) == []
    assert laws_json([x]) == [{"polynomial": [[1, [[0, 1]]]]}]


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "first\n")
    write_text(path, "\u03b8 second\n")
    assert path.read_text(encoding="utf-8") == "\u03b8 second\n"
    assert os.listdir(tmp_path) == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing" / "a.json", tmp_path / "file" / "a.json"):
        with pytest.raises(BadInput, match=r"Cannot write .*a\.json.*nothing was left behind"):
            write_text(path, "x")


@pytest.mark.parametrize("function", ["replace", "fdopen"])
def test_a_full_disk_leaves_nothing_behind_and_the_old_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, function, full)
    with pytest.raises(BadInput, match="No space left on device"):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.json", "x")
    assert not os.listdir(tmp_path)
