"""From ``module:factory`` to targets: imports exactly that module, calls that function, and checks what it returns."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from ..oracles.errors import BadInput, FlowlawError
from ..oracles.text import shown, suggestion
from .target import Target

MAX_TARGETS = 1_000

_SPEC = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")


def load_targets(spec: str) -> list[Target]:
    """The targets that ``module:factory`` names; the current folder is searched like any other on the path.

    ``factory`` is called without arguments and returns one ``Target`` or several.

    Raises:
        BadInput: there is no such module or factory, one of them raises, or it returns something else, such as two
            targets of one name.
    """
    if not is_spec(spec):
        raise BadInput(f"{shown(spec)} names no target. Write module:factory, as in examples.gate_numpy:target.")
    factory = named(spec)
    if not callable(factory):
        raise BadInput(
            f"{spec} is of type {_kind(factory)}. Name a function without arguments that returns a flowlaw.gate.Target."
        )
    made = _checked(spec, _called(spec, cast("Callable[[], object]", factory)))
    _refuse_namesakes([(spec, target) for target in made])
    return made


def load_all(specs: Iterable[str]) -> list[tuple[str, Target]]:
    """The targets of several specs, each with its spec.

    Raises:
        BadInput: as ``load_targets``; also where two targets have one name.
    """
    found = [(spec, target) for spec in dict.fromkeys(specs) for target in load_targets(spec)]
    _refuse_namesakes(found)
    return found


def is_spec(text: str) -> bool:
    """Whether ``text`` is of the form ``module:name``."""
    return len(text) <= 1_000 and bool(_SPEC.match(text))


def named(spec: str) -> object:
    """What ``module:name`` names; nothing else of the module is touched than what importing it does.

    Raises:
        BadInput: there is no such module or name, or importing raises.
    """
    module_name, _, name = spec.partition(":")
    module = _imported(module_name)
    if not hasattr(module, name):
        raise BadInput(f"The module {module_name} has no {name}.{suggestion(name, vars(module))}")
    found: object = getattr(module, name)
    return found


def told(error: BaseException) -> str:
    """``TypeError: message (model.py, line 12)``: what foreign code raised, and where, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({Path(error.filename).name}, line {error.lineno})"
        return f"{type(error).__name__}: {error.msg}{where}"
    says = " ".join(str(error).split())
    says = f": {says[:300]}" if says else ""
    return f"{type(error).__name__}{says}{where}"


def _imported(name: str) -> object:
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except FlowlawError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise BadInput(
                f"There is no module {missing} in {here} or on Python's path. "
                "Start flowlaw in the folder it lies in, or set PYTHONPATH."
            ) from None
        raise BadInput(f"The module {name} needs {missing}, which is not installed here. Install it.") from None
    except (Exception, SystemExit) as error:
        raise BadInput(f"Importing {name} raised {told(error)}. Import it by itself to see the traceback.") from None


def _called(spec: str, factory: Callable[[], object]) -> object:
    try:
        return factory()
    except FlowlawError:
        raise
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{spec} needs {error.name}, which is not installed here. Install it, or choose another target."
        ) from None
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{spec} raised {told(error)}. It is called without arguments and returns a flowlaw.gate.Target."
        ) from None


def _checked(spec: str, made: object) -> list[Target]:
    found: list[Any] = list(cast("list[Any]", made)) if isinstance(made, (list, tuple)) else [made]
    if len(found) > MAX_TARGETS:
        raise BadInput(f"{spec} returned more than {MAX_TARGETS:,} targets. Split them into several factories.")
    if not found:
        raise BadInput(f"{spec} returned an empty list. Return at least one flowlaw.gate.Target.")
    for target in found:
        if not isinstance(target, Target):
            raise BadInput(
                f"{spec} returned {_kind(target)}, not a flowlaw.gate.Target or a list of them. "
                "docs/gate.md shows a factory in full."
            )
        if not isinstance(cast(object, target.name), str) or not _NAME.match(target.name):
            raise BadInput(
                f"{spec} returned a target with the name {shown(str(target.name))}. "
                "Use at most 80 letters, digits, '.', '_' and '-', beginning with a letter or digit."
            )
    return found


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__qualname__


def _refuse_namesakes(found: Iterable[tuple[str, Target]]) -> None:
    owners: dict[str, str] = {}
    for spec, target in found:
        if target.name in owners:
            where = spec if owners[target.name] == spec else f"{owners[target.name]} and {spec}"
            raise BadInput(f"Two targets of {where} are called '{target.name}'. Evidence names them: rename one.")
        owners[target.name] = spec
