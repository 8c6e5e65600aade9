"""The repository root is the package: what the layout promises, and what an import may load."""

import ast
import configparser
import importlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import flowlaw

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("oracles", "simulations", "properties", "gate", "reports", "cli")  # nothing imports to its right


def modules_loaded_by(statement: str, folder: Path) -> set[str]:
    """The modules that ``statement`` loads in a fresh interpreter, beyond those of a bare start; a warning fails."""
    code = f"import json, sys; bare = set(sys.modules)\n{statement}\nprint(json.dumps(sorted(set(sys.modules) - bare)))"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def first_names(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def imported_names(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """The absolute name of every import in ``source``, a module of ``package``; and is it written relatively?"""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            base = (*parents, *([node.module] if node.module else []))
            yield from ((".".join((*base, alias.name)), node.level > 0) for alias in node.names)


def misplaced_imports(source: str, package: tuple[str, ...]) -> list[str]:
    """Imports of flowlaw inside flowlaw that are written absolutely, or that name a room to the right of their own."""
    allowed = ROOMS[: ROOMS.index(package[1]) + 1]
    return [
        name
        for name, relative in imported_names(source, package)
        if name.partition(".")[0] == "flowlaw"
        and not (relative and (name.split(".")[1] in allowed or name.split(".")[1] not in ROOMS))
    ]


def wheel_contents() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed: list[str] = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    return listed


def test_the_library_is_loaded_under_one_name_only() -> None:
    importlib.import_module("flowlaw.oracles")
    names = {name for name in sys.modules if not name.startswith("tests.")}  # packages that mirror the tree
    second_names = {name for name in names if name == "oracles" or name.endswith(".oracles")}
    assert second_names == {"flowlaw.oracles"}
    roots = {Path(str(flowlaw.__file__)), ROOT / "__init__.py"}
    loaded = list(sys.modules.items())
    assert {name for name, module in loaded if Path(str(getattr(module, "__file__", None))) in roots} == {"flowlaw"}


@pytest.mark.skipif(not os.environ.get("TOX_ENV_NAME", "").startswith("py3"), reason="only tox installs the wheel")
def test_tox_tests_the_wheel_and_not_the_checkout() -> None:
    assert Path(str(flowlaw.__file__)).is_relative_to(os.environ["TOX_ENV_DIR"])


def test_the_wheel_installs_nothing_but_flowlaw() -> None:
    try:
        distribution = metadata.distribution("flowlaw")
    except metadata.PackageNotFoundError:
        pytest.skip("flowlaw is on the path but not installed")
    if "editable" in (distribution.read_text("direct_url.json") or ""):
        pytest.skip("an editable install holds only a pointer to the checkout")
    files = distribution.files or []
    assert {file.parts[0] for file in files if file.parts[0] != ".."} <= {
        "flowlaw",
        f"flowlaw-{flowlaw.__version__}.dist-info",
    }
    assert {file.name.removesuffix(".exe") for file in files if file.parts[0] == ".."} == {"flowlaw"}
    assert any(file.parts == ("flowlaw", "py.typed") for file in files)


def test_every_package_at_the_root_is_in_the_wheel() -> None:
    listed = set(wheel_contents())
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages | {path.name for path in ROOT.glob("*.py")} <= listed
    assert {name for name in listed if not (ROOT / name).exists()} == set()


def test_nothing_at_the_root_bears_a_name_of_the_standard_library() -> None:
    names = {name.removesuffix(".py") for name in wheel_contents()}
    assert names & sys.stdlib_module_names == set()


def test_tests_are_no_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_relatively_and_never_to_its_right(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in sorted((ROOT / room).rglob("*.py"))
        if (wrong := misplaced_imports(path.read_text("utf-8"), ("flowlaw", *path.relative_to(ROOT).parent.parts)))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "misplaced"),
    [
        ("from ..kernel import verify", []),
        ("from ... import __version__", []),
        ("from ...properties import book", ["flowlaw.properties.book"]),
        ("from ... import reports", ["flowlaw.reports"]),
        ("def late():\n    from ...simulations import exact", ["flowlaw.simulations.exact"]),
        ("import flowlaw.oracles.kernel", ["flowlaw.oracles.kernel"]),
        ("from flowlaw import oracles", ["flowlaw.oracles"]),
    ],
)
def test_a_misplaced_import_is_found_however_it_is_written(source: str, misplaced: list[str]) -> None:
    assert misplaced_imports(source, ("flowlaw", "oracles", "models")) == misplaced


def modules_of(root: Path) -> set[str]:
    """The names of all modules below ``root``, the folder of the package, that belong to it."""
    files = (file for name in wheel_contents() for file in (root / name).rglob("*.py"))
    parts = (("flowlaw", *file.relative_to(root).with_suffix("").parts) for file in files)
    return {".".join(part for part in name if part != "__init__") for name in parts if name[-1] != "__main__"}


def test_every_module_can_be_imported_without_a_warning(tmp_path: Path) -> None:
    modules = modules_of(Path(str(flowlaw.__file__)).parent)
    assert len(modules) > 200
    statement = f"import importlib\nfor name in {sorted(modules)}: importlib.import_module(name)"
    loaded = modules_loaded_by(statement, tmp_path)
    assert modules <= loaded


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("flowlaw", {"click", "flint", "hypothesis", "jinja2", "mpmath", "numpy", "rich", "sympy", "torch"}),
        ("flowlaw.cli", {"flint", "hypothesis", "jinja2", "mpmath", "numpy", "rich", "sympy", "torch"}),
        ("flowlaw.oracles", {"click", "hypothesis", "jinja2", "mpmath", "rich", "sympy", "torch"}),
        ("flowlaw.oracles.kernel", {"click", "flint", "hypothesis", "jinja2", "mpmath", "rich", "sympy", "torch"}),
    ],
)
def test_an_import_loads_nothing_heavy(module: str, unwanted: set[str], tmp_path: Path) -> None:
    assert first_names(modules_loaded_by(f"import {module}", tmp_path)) & unwanted == set()


def narrowed(commands: str) -> bool:
    """Whether a command of tox names tests, and the exact part is not among them."""
    named = [word for word in commands.replace("}", " ").split() if word.startswith("tests")]
    return bool(named) and "tests/oracles" not in named


def test_the_exact_part_is_tested_on_every_version() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    environments = {name for name in tox.sections() if name == "testenv" or name.startswith("testenv:py3")}
    assert len(environments) >= 3
    assert not [name for name in environments if narrowed(tox[name].get("commands", ""))]
    assert narrowed("pytest {posargs:tests/cli tests/test_readme.py}"), "it would be seen"
    exact = (ROOT / "tests" / "oracles").rglob("*.py")
    assert not [path.name for path in exact if "mark.once" in path.read_text("utf-8")]


def test_no_test_falls_between_the_two_halves_of_3_11() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    rest, gate = (tox[f"testenv:{name}"]["commands"].strip("}").split() for name in ("py311", "gate"))
    left_out = [word.rpartition("--ignore=")[2] for word in rest if "--ignore=" in word]
    named = [word.rpartition(":")[2] for word in gate if "tests/" in word]
    assert left_out == named != []
    assert all((ROOT / folder).is_dir() for folder in named)
    assert not [word for word in (*rest, *gate) if word.endswith(("-m", "-k"))]
    assert {"py311", "gate"} <= set(tox["tox"]["env_list"].split(", "))


def test_the_kernel_needs_the_standard_library_and_integers_of_numpy_only(tmp_path: Path) -> None:
    loaded = first_names(modules_loaded_by("import flowlaw.oracles.kernel", tmp_path))
    assert loaded - sys.stdlib_module_names <= {"flowlaw", "numpy"}


def test_a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    assert "numpy" in first_names(modules_loaded_by("import flowlaw, numpy", tmp_path))
