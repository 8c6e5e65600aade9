"""Helpers beside the tests: the independent judge, the campaign and the hostile certificates."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def corpus() -> list[Any]:
    """Valid certificates of every kind of claim and every rule; a test that changes one copies it first."""
    import campaign

    return campaign.corpus()
