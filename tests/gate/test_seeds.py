"""Seeding torch draws what ``torch.manual_seed`` draws, and seeds devices where there are some."""

from __future__ import annotations

from typing import Any

import pytest

from flowlaw.gate.adapters._seeds import seed_torch  # pyright: ignore[reportPrivateUsage]

torch: Any = pytest.importorskip("torch")


@pytest.mark.parametrize("seed", [0, 7, -1, 2**40])
def test_the_numbers_are_those_of_torch(seed: int) -> None:
    seed_torch(torch, seed)
    drawn = torch.randn(4)
    assert not torch.equal(drawn, torch.randn(4))
    torch.manual_seed(seed)
    assert torch.equal(drawn, torch.randn(4))


@pytest.mark.parametrize("there", [True, False])
def test_devices_are_seeded_where_one_can_be_used(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    if not hasattr(torch, "accelerator"):
        pytest.skip("this version of torch does not say whether a device can be used, and all are seeded")
    seeded: list[int] = []
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    seed_torch(torch, 7)
    assert seeded == [7] * there
