"""Evidence, and the pages and files made from it. Nothing is computed here.

Importing this loads the standard library only; the page's template engine comes with the first page.
"""

from __future__ import annotations

from .diff import Difference as Difference
from .diff import diff as diff
from .diff import diff_evidence as diff_evidence
from .evidence import Evidence as Evidence
from .evidence import EvidenceWriter as EvidenceWriter
from .evidence import Record as Record
from .evidence import read_evidence as read_evidence
from .junit import write_junit as write_junit
from .numbers import number as number
from .page import write_report as write_report
