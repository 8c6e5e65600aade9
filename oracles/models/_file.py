"""Models from a TOML file: a polynomial map (``[blocks]`` and ``phi``) or a DAG of ReLU neurons (``edges``)."""

from __future__ import annotations

import tomllib
from pathlib import Path

from .. import limits
from ..errors import BadInput, TooLarge
from ._dag_file import KEYS as DAG_KEYS
from ._dag_file import read_dag
from ._map_file import KEYS as MAP_KEYS
from ._map_file import read_map
from ._paths import PathLifting
from ._polynomial_map import PolynomialMap
from ._spec import shown, suggestion
from ._toml import Table


def read_model(path: str) -> PolynomialMap | PathLifting:
    """The model that the TOML file at ``path`` describes; docs/models.md shows both forms.

    Raises:
        BadInput: the file cannot be read or understood.
        TooLarge: the file, or the model in it, is above the sizes of ``limits``.
    """
    table = _load(path)
    kind = "edges" if "edges" in table else "phi"
    if kind not in table:
        close = next((key for key in table if suggestion(key, ("phi", "edges"))), "")
        hint = f" Did you mean one of them by {shown(close)}?" if close else ""
        raise BadInput(
            f"{shown(path)} has neither 'phi' (a polynomial map) nor 'edges' (a DAG of ReLU neurons).{hint} "
            "Add one, above the first [table]: in TOML everything below a [table] belongs to it."
        )
    known = DAG_KEYS if kind == "edges" else MAP_KEYS
    for key in table:
        if key not in known:
            raise BadInput(
                f"{shown(path)}: unknown key {shown(key)}.{suggestion(key, known)} A file with {kind!r} has the keys "
                f"{', '.join(known)}."
            )
    if not isinstance(table.get("name", ""), str):
        raise BadInput(f"{shown(path)}: 'name' must be text in quotes.")
    return read_dag(table, path) if kind == "edges" else read_map(table, path)


def _load(path: str) -> Table:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise BadInput(
                f"Cannot read the model file {shown(path)}: not a regular file. Give the path of a .toml file."
            )
        with Path(path).open("rb") as file:
            content = file.read(limits.FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"Cannot read the model file {shown(path)}: {reason}. Check the path and its permissions."
        ) from None
    if len(content) > limits.FILE_BYTES:
        raise TooLarge(
            f"The model file {shown(path)} is longer than {limits.FILE_BYTES} bytes. Use a shorter description."
        )
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise BadInput(f"The model file {shown(path)} is not UTF-8 text. Save it as UTF-8.") from None
    except RecursionError:
        raise BadInput(f"The model file {shown(path)} is nested too deeply. Write flat tables.") from None
    except ValueError as error:
        raise BadInput(f"The model file {shown(path)} is not valid TOML: {error}.") from None
