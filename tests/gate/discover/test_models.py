"""Real models with random weights and tiny configurations: the algebra that docs/discover.md derives by hand."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="the models are torch modules")
pytest.importorskip("transformers", reason="the models are those of Hugging Face transformers")

from hub_models import MODELS, Model, wrapped  # noqa: E402  # after the skip
from torch_blocks import cross_entropy  # noqa: E402
from torch_targets import target_of  # noqa: E402

from flowlaw.gate.discover import discover  # noqa: E402


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_algebra_of_a_model_is_the_one_derived_by_hand(model: Model) -> None:
    torch.manual_seed(0)
    target = target_of(model.name, wrapped(model), lambda g: tuple(model.inputs(g).values()), cross_entropy)
    found = discover(target)
    assert found.traced
    assert dict(found.rows) == dict(model.found)
    assert tuple(sorted({near.row for near in found.near})) == model.near
    for near in found.near:  # a central difference in epsilon, of relative error 1e-6 and the rounding of the loss
        assert near.predicted is not None
        if model.padded and "word_embeddings" in near.name:
            continue  # what epsilon does is a statement on the function
        assert near.measured == pytest.approx(near.predicted, rel=1e-3, abs=1e-9)
