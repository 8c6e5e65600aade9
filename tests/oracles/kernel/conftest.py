"""Helpers beside the tests: the independent judge, the campaign and the hostile certificates."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
