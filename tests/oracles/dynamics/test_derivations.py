"""Every identity is derived: the kernel accepts it, rejects it without its defect, and rejects changed ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowlaw.oracles.dynamics import Kind, Law, Symbols, View, derive, equal, find_law, formal_window, laws
from flowlaw.oracles.kernel import verify

CASES: list[tuple[Law, Kind]] = [(law, kind) for law in laws() for kind in law.charges]


@pytest.mark.parametrize(("law", "kind"), CASES, ids=[f"{law.name}-{kind}" for law, kind in CASES])
def test_the_kernel_accepts_the_derivation(law: Law, kind: Kind) -> None:
    judgement = verify(derive(law, kind))
    assert judgement.accepted, judgement.reason


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.name)
def test_nothing_is_derived_without_the_symmetry(law: Law) -> None:
    """Without the defect the identity claims that it holds for gradients of no symmetry."""

    def none(_view: View) -> int:
        return 0

    claim = verify(derive(replace(law, defect=none)))
    assert claim.accepted == law.name.endswith(".step")  # Adam's step in its metric needs no symmetry


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.name)
def test_a_changed_identity_is_rejected(law: Law) -> None:
    def doubled(view: View) -> tuple[object, object]:
        left, right = law.sides(view)
        return left, right + left

    assert not verify(derive(replace(law, sides=doubled))).accepted


def test_no_derivation_is_empty() -> None:
    """A certificate in which both sides are the same tree would prove nothing; only the definition is one."""
    for law, kind in CASES:
        claim: Any = derive(law, kind)["claim"]
        left, right = claim["equal"][0]
        assert (left == right) == (law.name == "orthogonality"), law.name


def test_the_symbols_of_a_window_are_free() -> None:
    symbols, moments, charge = formal_window(find_law("hb-two-step.quadratic"), "quadratic")
    assert {"eta0", "eta1", "lam0", "lam1", "beta0", "beta1", "c"} <= set(symbols.numbers)
    view = View(moments, charge)
    assert not verify(equal(symbols, [(view.defect(0), 0)])).accepted


def test_a_root_of_the_same_tree_is_the_same_symbol_and_of_another_one_another() -> None:
    symbols = Symbols()
    x, y = symbols("x"), symbols("y")
    assert verify(equal(symbols, [(symbols.opaque("root", x + y), symbols.opaque("root", x + y))])).accepted
    assert not verify(equal(symbols, [(symbols.opaque("root", x), symbols.opaque("root", y))])).accepted
