"""Mutants: training implementations with one realistic bug each, and the table of what catches them.

``mutants()`` gives them as data; ``survey()`` puts every one through ``flowlaw.gate.check``, beside the same target
without the bug. ``python -m flowlaw.gate.zoo`` prints the table and writes it into ``docs/zoo.md``. A new mutant is an
entry of a module's ``MUTANTS``.
"""

from __future__ import annotations

from ._catalogue import find as find
from ._catalogue import mutants as mutants
from ._mutant import Framework as Framework
from ._mutant import Mutant as Mutant
from ._survey import Row as Row
from ._survey import row as row
from ._survey import survey as survey
from ._survey import surveyed as surveyed
