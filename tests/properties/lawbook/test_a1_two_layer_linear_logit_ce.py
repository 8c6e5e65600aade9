import sys

import pytest

from flowlaw.properties import PROFILES, Skipped
from flowlaw.properties.lawbook.a1_two_layer_linear_logit_ce import training


def test_training_is_skipped_where_torch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Skipped, match="torch"):
        training(PROFILES["quick"])


def test_the_control_of_the_training_moves() -> None:
    pytest.importorskip("torch")
    result = training(PROFILES["quick"])
    assert result.residual.holds
    control = next(series for series in result.plots[0].series if series.label == "1ᵀU, squared loss")
    assert control.points[-1][1] > 0.1
