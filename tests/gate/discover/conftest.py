"""Helpers beside the tests: building blocks, models and targets made of them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
