"""The models of examples/hub_models.py, and the dimension of their algebras, derived by hand in docs/discover.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A factory of the example, and what discovery must find.

    Args:
        name: of the factory.
        found: members by row and kind, all of them.
        near: rows of the near-laws; None where one is found by some draws only.
        padded: whether a row of the embedding has no gradient although the function depends on it.
    """

    name: str
    found: Mapping[str, int]
    near: tuple[str, ...] | None = ()
    padded: bool = False


MODELS = (
    Model(
        "gpt2",
        {
            "M9 scaling": 16,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 28,
            "M29 translation": 1,
            "translation": 3,
        },
        ("M26",),
    ),
    Model(
        "llama",
        {
            "M9 scaling": 40,
            "M22 scaling": 8,
            "M22 rotation": 8,
            "M23 scaling": 16,
            "M23 mixing": 24,
            "M23 rotation": 24,
            "M25 scaling": 10,
            "M17 translation": 8,
        },
        None,  # a common scale of all weights is no law by an epsilon of 1e-2
    ),
    Model(
        "mixtral",
        {
            "M9 scaling": 24,
            "M22 scaling": 4,
            "M22 rotation": 4,
            "M23 scaling": 8,
            "M23 mixing": 12,
            "M23 rotation": 12,
            "M25 scaling": 15,
            "M17 translation": 8,
        },
        (),
    ),
    Model(
        "bert",
        {
            "M9 scaling": 4,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 39,
            "M17 translation": 5,
            "translation": 3,
        },
        ("M11", "M26"),
        padded=True,
    ),
    Model(
        "vit",
        {
            "M9 scaling": 20,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 37,
            "M17 translation": 5,
            "translation": 3,
        },
        ("M11",),
    ),
    Model("resnet", {"M9 scaling": 18, "M17 translation": 5, "translation": 4}, ("M7",)),
    Model(
        "convnext",
        {"M9 scaling": 14, "scaling": 7, "M11 translation": 11, "M17 translation": 5},
        ("M11",),
    ),
)
