"""Families cut down to drawn members: the same numbers from fewer entries."""

from typing import Any

import numpy as np
import pytest

from flowlaw.gate.enclosures import Enclosed
from flowlaw.gate.samples import Piece, Samples, costs, restricted
from flowlaw.gate.symmetry import Family, Marginal, Mixing, Pairs, Scalings, Shear, Shears, Shifts, Slot

torch: Any = pytest.importorskip("torch", reason="pieces are cut out of torch tensors")

RNG = np.random.default_rng(0)
SHAPES = (5, 3), (5,), (4, 5), (4,), (6, 2, 3)
THETA = tuple(RNG.normal(size=shape) for shape in SHAPES)
GRADIENT = tuple(RNG.normal(size=shape) for shape in SHAPES)
TURN = np.arange(5)
SLOTS = Slot(0, 0, (4, 3, 2, 1, 0)), Slot(2, 1, (0, 1, 2, 3, 4), dual=True)
BASIS = np.stack([m + m.T for m in RNG.normal(size=(3, 5, 5))])
EVERY_PAIR = np.argwhere(np.triu(np.ones((5, 5)), 1)).astype(np.int64)
FAMILIES: dict[str, Family] = {
    "neurons": Scalings(
        tuple("abcde"),
        (
            Marginal(0, 0, TURN, TURN, np.ones(5)),
            Marginal(1, 0, TURN, TURN[::-1], np.ones(5)),
            Marginal(2, 1, TURN, TURN, -np.ones(5)),
        ),
        "M2",
    ),
    "grouped slices and a whole tensor": Scalings(
        ("a", "b"),
        (
            Marginal(4, (0, 2), np.array([0, 1, 1]), np.array([5, 0, 3]), np.array([1.0, 2.0, -1.0]), (3, 2, 6)),
            Marginal(3, None, np.array([1]), np.array([0]), np.array([0.5])),
        ),
    ),
    "shifts": Shifts(("a", "b", "c"), (Marginal(4, (1, 2), np.arange(3), np.array([1, 5, 2]), np.ones(3)),)),
    "mixings": Mixing(("a", "b", "c"), SLOTS, BASIS, "quadratic"),
    "pairs": Pairs(tuple("abcdefghij"), SLOTS, EVERY_PAIR, "antisymmetric"),
    "shears": Shears(("a", "b", "c"), Shear(1, 2, 1, 3, (0, 2, 4), (0, 2, 4))),
}


@pytest.mark.parametrize("members", [[0], [0, 1]], ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_part_of_a_family_has_the_numbers_of_the_whole(name: str, members: list[int]) -> None:
    family = FAMILIES[name]
    pieces: list[Piece] = []

    def add(piece: Piece) -> int:
        pieces.append(piece)
        return len(pieces) - 1

    part = restricted(family, np.array(members), add)
    theta, gradient = ([piece.of(torch.tensor(x[piece.tensor])) for piece in pieces] for x in (THETA, GRADIENT))
    assert part.names == tuple(family.names[m] for m in members)
    assert part.pair(gradient, theta) == pytest.approx(family.pair(GRADIENT, THETA)[members], rel=1e-12)
    stacked = Enclosed(part, 100).pair([g[None] for g in gradient], [t[None] for t in theta])
    assert stacked.value == pytest.approx(family.pair(GRADIENT, THETA)[members][None], rel=1e-12)
    assert sum(t.size for t in theta) <= costs(family, SHAPES)[members].sum()


def test_samples_stay_within_their_entries_and_take_every_family_and_member_in_turn() -> None:
    families = [FAMILIES[name] for name in ("mixings", "neurons", "pairs")]
    samples = Samples(families, SHAPES, 40, 2)
    seen: list[set[int]] = [set(), set(), set()]
    first = samples.draw()
    assert first.numbers == (1, 2)  # the smallest members
    for _ in range(200):
        sample = samples.draw()
        for number, members in zip(sample.numbers, sample.members, strict=True):
            seen[number].update(members.tolist())
            assert costs(families[number], SHAPES)[members].sum() <= 40
    assert [len(one) for one in seen] == [3, 5, 10]


def test_what_has_too_many_entries_is_named_and_never_drawn() -> None:
    huge = Scalings(("all",), (Marginal(0, None, np.array([0]), np.array([0]), np.ones(1)),))
    samples = Samples([huge], [(4096, 4096)], 1000, 4)
    assert samples.too_large == [0]
    assert samples.draw().families == ()
