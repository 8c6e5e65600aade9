"""Helpers beside the tests: random exact runs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
