"""``python -m flowlaw.gate.zoo``: every mutant through the gate, and the table into ``docs/zoo.md``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ...oracles.errors import BadInput
from ._catalogue import mutants
from ._page import differs, summary, table, written_into
from ._survey import Row, surveyed

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"


def main() -> int:
    """0 if every mutant comes out as its entry says, and the page does with ``--check``; 1 if not; 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m flowlaw.gate.zoo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; compare the page, numbers aside")
    parser.add_argument("--seed", type=int, default=0, help="of all parameters and batches")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page with the table; docs/zoo.md by default")
    chosen = parser.parse_args()
    started = time.monotonic()
    try:
        rows = list(map(_printed, surveyed(mutants(), chosen.seed)))
        unexpected = [row for row in rows if not row.as_expected]
        print(f"\n{summary(rows)}\n{time.monotonic() - started:.0f} seconds.")
        for row in unexpected:
            print(f"Not as expected: {row.mutant.name}.")
        if chosen.check:
            return _compared(chosen.page, rows) or bool(unexpected)
        if chosen.page.exists() and not unexpected:
            written_into(chosen.page, table(rows))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if unexpected else 0


def _printed(row: Row) -> Row:
    mark = "blind " if row.mutant.blind else "caught" if row.caught else "MISSED"
    said = " ".join(row.said) or "-"
    print(
        f"{mark} {row.mutant.name} ({row.mutant.framework}): {row.ratio:.2g} against {row.healthy:.2g}; {said}",
        flush=True,
    )
    return row


def _compared(page: Path, rows: list[Row]) -> int:
    changed = differs(page, table(rows))
    for new, old in changed.items():
        print(f"{page.name} has: {old}\n  and should: {new}")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
