"""The picture of the classification: every case where the statement puts it, and no agreement with a wrong one."""

from __future__ import annotations

import pytest

from flowlaw.properties.lawbook import a3_linear2_converse as entry


@pytest.mark.once
def test_the_picture_shows_all_six_cases_and_ends_where_nothing_changes_any_more() -> None:
    shown = entry.picture()
    cells = {
        (n, m, r): key
        for r, panel in enumerate(shown.panels, 1)
        for n, row in enumerate(panel.cells, 1)
        for m, key in enumerate(row, 1)
    }
    assert shown.agrees
    assert len(cells) == 250
    assert set(cells.values()) == {case.key for case in shown.cases}
    # The theory's own examples: always, Delta scalar, r = max(n, m), never, never, two values.
    known = {(2, 3, 1): "1", (2, 2, 2): "2", (2, 3, 3): "3", (1, 3, 2): "4", (2, 2, 3): "5", (1, 2, 3): "6"}
    assert {sizes: cells[sizes] for sizes in known} == known
    assert {key for (n, m, r), key in cells.items() if r == 10 and (n, m) != (1, 1)} == {"6"}
    assert all(cells[n, m, r] == cells[m, n, r] for n, m, r in cells)


@pytest.mark.once
def test_the_picture_does_not_agree_with_a_case_that_is_put_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    right = entry.stated

    def wrong(n: int, m: int, r: int) -> tuple[int, str]:
        return (6, "two-valued spectrum") if r == n + m - 1 > max(n, m) else right(n, m, r)

    monkeypatch.setattr(entry, "stated", wrong)
    assert entry.picture().agrees is False
