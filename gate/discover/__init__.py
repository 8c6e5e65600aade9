"""The linear symmetries of a target, from gradients, with proposals of a trace where there is one."""

from __future__ import annotations

from ._discover import discover as discover
from ._result import Discovery as Discovery
from ._result import NearLaw as NearLaw
from ._result import Searched as Searched
from ._result import kind_of as kind_of
from ._rows import ROWS as ROWS
from ._rows import Row as Row
from ._rows import blocks_page as blocks_page
