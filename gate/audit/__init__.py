"""Recorded runs: which laws hold between their snapshots, and what would explain where one breaks."""

from __future__ import annotations

from .auditing import Audit as Audit
from .auditing import Break as Break
from .auditing import audit as audit
from .run_file import RunFile as RunFile
from .run_file import read_run_file as read_run_file
