"""Real models with random weights and tiny configurations: the algebra that docs/discover.md derives by hand."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from hub_models import MODELS, Model

from flowlaw.gate.discover import discover

torch: Any = pytest.importorskip("torch", reason="the models are torch modules")
pytest.importorskip("transformers", reason="the models are those of Hugging Face transformers")
EXAMPLE = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "hub_models.py"))


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_algebra_of_a_model_is_the_one_derived_by_hand(model: Model) -> None:
    found = discover(EXAMPLE[model.name]())
    assert found.traced
    assert dict(found.rows) == dict(model.found)
    explained = [near for near in found.near if near.reason]  # small weights alone make SiLU nearly homogeneous
    if model.near is None:
        return
    assert tuple(sorted({near.row for near in explained})) == model.near
    for near in explained:  # a central difference in epsilon, of relative error 1e-6 and the rounding of the loss
        assert near.predicted is not None
        if model.padded and "word_embeddings" in near.name:
            continue  # what epsilon does is a statement on the function
        assert near.measured == pytest.approx(near.predicted, rel=1e-3, abs=1e-9)
