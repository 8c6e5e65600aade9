"""Models from a TOML file: a polynomial map (``[blocks]`` and ``phi``) or a DAG of ReLU neurons (``edges``)."""

from __future__ import annotations

from ..errors import BadInput
from ..text import shown, suggestion
from ..toml import load
from ._dag_file import KEYS as DAG_KEYS
from ._dag_file import read_dag
from ._map_file import KEYS as MAP_KEYS
from ._map_file import read_map
from ._paths import PathLifting
from ._polynomial_map import PolynomialMap


def read_model(path: str) -> PolynomialMap | PathLifting:
    """The model that the TOML file at ``path`` describes; docs/models.md shows both forms.

    Raises:
        BadInput: the file cannot be read or understood.
        TooLarge: the file, or the model in it, is above the sizes of ``limits``.
    """
    table = load(path, "the model file", "Check the path and its permissions.")
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
