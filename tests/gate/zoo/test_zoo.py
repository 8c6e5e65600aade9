"""Every mutant is caught or honestly blind, the same target without the bug passes, and the page says so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowlaw.gate.findings import Finding
from flowlaw.gate.zoo import Mutant, find, mutants, row
from flowlaw.gate.zoo._mutant import Factory
from flowlaw.gate.zoo._page import BEGIN, END, differs, summary, table, written_into
from flowlaw.oracles.errors import BadInput

PAGE = Path(__file__).parents[3] / "docs" / "zoo.md"
TORCH = mutants("torch")
QUICK = (*mutants("numpy"), *TORCH[::3])
SLOW = [mutant for mutant in TORCH if mutant not in QUICK]
EVERYWHERE = ("decay-doubled", "gradient-stale")
"""Run on every version of Python."""
RUN = [pytest.param(one, id=one.name, marks=() if one.name in EVERYWHERE else pytest.mark.once) for one in QUICK]
DESCRIBED_WRONGLY = ("rate-too-large", "weight-unknown-to-both")
KNOWN: dict[Factory, list[Finding]] = {}


def expect(mutant: Mutant) -> None:
    __tracebackhide__ = True
    if mutant.framework == "torch":
        pytest.importorskip("torch", reason="a mutant in PyTorch")
    seen = row(mutant, known=KNOWN)
    assert not seen.false_alarms, "the target without the bug is violated"
    assert seen.measured, "nothing was measured of the target without the bug"
    if mutant.blind:
        assert not seen.caught, "a law does see it"
    else:
        assert set(mutant.caught_by) <= set(seen.caught)
    assert seen.explained, f"expected {mutant.explanation!r} among {seen.said}"
    assert seen.as_expected


@pytest.mark.parametrize("mutant", RUN)
def test_a_mutant_comes_out_as_its_entry_says(mutant: Mutant) -> None:
    expect(mutant)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", SLOW, ids=lambda mutant: mutant.name)
def test_the_other_mutants_come_out_as_their_entries_say(mutant: Mutant) -> None:
    expect(mutant)


def test_there_are_at_least_45_mutants_in_two_frameworks_each_with_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in mutants()]
    assert len(names) == len(set(names)) >= 45
    assert min(len(mutants("numpy")), len(mutants("torch"))) >= 20


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_an_entry_says_what_catches_it_or_why_nothing_does(mutant: Mutant) -> None:
    assert bool(mutant.blind) != bool(mutant.caught_by)
    assert not (mutant.blind and mutant.explanation)
    assert mutant.says.endswith(".")


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_a_mutant_and_its_healthy_twin_are_small_and_described_alike(mutant: Mutant) -> None:
    if mutant.framework == "torch":
        pytest.importorskip("torch", reason="a mutant in PyTorch")
    healthy, broken = mutant.healthy(), mutant.broken()
    assert broken.name == mutant.name
    parameters = healthy.draw(0)
    assert sum(np.size(array) for array in parameters.values()) <= 150
    assert {name: np.shape(array) for name, array in broken.draw(0).items()} == {
        name: np.shape(array) for name, array in parameters.items()
    }
    if mutant.name not in DESCRIBED_WRONGLY:
        assert all(healthy.optimizer(k) == broken.optimizer(k) for k in range(3))


def test_the_zoo_is_imported_without_any_framework() -> None:
    program = "import sys, flowlaw.gate.zoo; assert not {'torch', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_mutant_is_found_by_name_and_an_unknown_one_is_named() -> None:
    assert find("gradient-stale").framework == "numpy"
    with pytest.raises(BadInput, match="No mutant of the zoo is called no-such-bug"):
        find("no-such-bug")


def test_a_row_that_is_not_as_its_entry_says_is_told_from_one_that_is() -> None:
    good = row(find("decay-doubled"), known=KNOWN)
    assert good.as_expected
    assert not replace(good, caught=()).as_expected
    assert not replace(good, said=()).as_expected
    assert not replace(good, false_alarms=("alarm",)).as_expected
    assert not replace(good, measured=0).as_expected
    assert not replace(good, mutant=replace(good.mutant, blind="no law")).as_expected


def test_the_page_lists_every_mutant() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    names = [mutant.name for mutant in mutants()]
    assert [name for name in listed if name != "mutant"] == names
    assert summary([]).split(" mutants")[0] == "0"


def test_a_table_is_put_between_the_marks_and_compared_without_its_numbers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Zoo\n\n{BEGIN}\nold\n{END}\nend\n", encoding="utf-8")
    one = row(find("decay-doubled"), known=KNOWN)
    written_into(page, table([one]))
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Zoo\n\n")
    assert text.endswith("end\n")
    assert "old" not in text
    assert r"weight_decay \|theta\|^2" in text
    assert list(tmp_path.iterdir()) == [page]
    assert not differs(page, table([replace(one, ratio=2.0, healthy=0.5)]))
    assert differs(page, table([replace(one, said=())]))
    assert differs(page, table([]))


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no page nowhere\.md"):
        written_into(tmp_path / "nowhere.md", "text")


def test_a_page_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Zoo\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"page\.md has no place for the table"):
        written_into(page, "text")
    assert page.read_text(encoding="utf-8") == "# Zoo\n"
