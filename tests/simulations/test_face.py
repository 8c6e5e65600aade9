import subprocess
import sys
from pathlib import Path

import pytest

from flowlaw import simulations


def test_importing_the_simulations_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'torch', 'flint', 'mpmath', 'sympy', 'safetensors', 'hypothesis'}"
    code = f"import sys, flowlaw.simulations; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_on_the_face_exists() -> None:
    for name in simulations._HOME_OF:  # pyright: ignore[reportPrivateUsage]
        if simulations._HOME_OF[name] in ("balls", "enclosures"):  # pyright: ignore[reportPrivateUsage]
            pytest.importorskip("flint", reason="certified flows need python-flint")
        assert getattr(simulations, name).__name__ if callable(getattr(simulations, name)) else True
    assert set(simulations._HOME_OF) <= set(dir(simulations))  # pyright: ignore[reportPrivateUsage]


def test_other_names_are_reported_as_missing() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        simulations.nothing_of_the_kind  # noqa: B018  # the access is the test


def test_the_example_of_the_documentation_runs() -> None:
    pytest.importorskip("flint", reason="certified flows need python-flint")
    page = (Path(__file__).parents[2] / "docs" / "simulations.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    *lines, claim = code.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    assert eval(claim.split("#")[0], names)
