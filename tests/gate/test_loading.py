"""``module:factory``: exactly that module is imported, and whatever is wrong with it is one paragraph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowlaw.gate.loading import load_all, load_targets
from flowlaw.oracles.errors import BadInput

HEAD = """
from flowlaw.gate import Target
from flowlaw.oracles.dynamics import SGD

def make(name="mlp"):
    nothing = lambda *_: None
    return Target(name=name, draw=nothing, batch=nothing, loss_and_gradient=nothing, start=nothing, step=nothing,
                  read=nothing, optimizer=lambda k: SGD(lr=0.1))
"""
Module = Callable[[str, str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Writes a module into the current folder; returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(name: str, body: str) -> str:
        path = tmp_path / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + body)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def test_a_factory_makes_one_target_or_several(module: Module) -> None:
    module("loading_several", "def one(): return make()\ndef two(): return [make('a'), make('b.c-d_1')]")
    assert [target.name for target in load_targets("loading_several:one")] == ["mlp"]
    assert [target.name for target in load_targets("loading_several:two")] == ["a", "b.c-d_1"]


def test_a_module_may_lie_in_a_folder(module: Module) -> None:
    module("loading_folder.inner", "def one(): return make()")
    assert [target.name for target in load_targets("loading_folder.inner:one")] == ["mlp"]


def test_nothing_but_the_module_and_the_factory_is_called(module: Module, tmp_path: Path) -> None:
    module("loading_quiet", "def one(): return make()\ndef two(): raise SystemExit('not asked for')")
    (tmp_path / "conftest.py").write_text("raise SystemExit('not asked for')")
    assert len(load_targets("loading_quiet:one")) == 1


@pytest.mark.parametrize(
    ("body", "factory", "says"),
    [
        ("", "nosuch", "has no nosuch"),
        ("def target(): return make()", "targt", "Did you mean 'target'?"),
        ("one = 3", "one", "is of type int"),
        ("one = make()", "one", "is of type Target"),
        ("def one(): return None", "one", "returned None, not a flowlaw.gate.Target"),
        ("def one(): return [make(), 3]", "one", "returned int"),
        ("def one(): return []", "one", "returned an empty list"),
        ("def one(): return [make()] * 1001", "one", "more than 1,000 targets"),
        ("def one(): return [make(), make()]", "one", "Two targets of loading_wrong:one are called 'mlp'"),
        ("def one(): return make('a/b')", "one", "with the name 'a/b'"),
        ("def one(): return make(3)", "one", "with the name '3'"),
        ("def one(x): return make()", "one", "raised TypeError"),
        ("def one(): raise ValueError('two\\nlines')", "one", "ValueError: two lines (loading_wrong.py, line 9)"),
        ("def one(): raise SystemExit(0)", "one", "raised SystemExit: 0"),
        ("def one(): import nosuch_package", "one", "needs nosuch_package"),
        ("import nosuch_package", "one", "needs nosuch_package, which is not installed"),
        ("raise SystemExit(0)", "one", "Importing loading_wrong raised SystemExit: 0 (loading_wrong.py, line 9)"),
        ("1 / 0", "one", "raised ZeroDivisionError"),
        ("def one(:", "one", "SyntaxError"),
        ("from flowlaw.oracles.errors import BadInput\ndef one(): raise BadInput('own words')", "one", "own words"),
    ],
)
def test_whatever_is_wrong_is_one_paragraph(module: Module, body: str, factory: str, says: str) -> None:
    module("loading_wrong", body)
    with pytest.raises(BadInput) as raised:
        load_targets(f"loading_wrong:{factory}")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "spec",
    ["", "module", "module:", ":factory", "a.b", "os:system('ls')", "a/b.py:f", "..a:f", "a:f:g", "a:b.c", "x" * 10**6],
)
def test_what_is_no_spec_is_never_imported(spec: str) -> None:
    with pytest.raises(BadInput, match="names no target"):
        load_targets(spec)


def test_a_missing_module_is_told_from_what_it_misses(module: Module) -> None:
    with pytest.raises(BadInput, match="no module loading_nosuch"):
        load_targets("loading_nosuch:one")
    module("loading_half.inner", "")
    with pytest.raises(BadInput, match=r"no module loading_half\.other"):
        load_targets("loading_half.other:one")


def test_two_specs_may_not_have_one_name(module: Module) -> None:
    module("loading_first", "def one(): return make()")
    module("loading_second", "def one(): return make()")
    with pytest.raises(BadInput, match="loading_first:one and loading_second:one are called 'mlp'"):
        load_all(["loading_first:one", "loading_second:one"])
    assert [spec for spec, _ in load_all(["loading_first:one", "loading_first:one"])] == ["loading_first:one"]
