"""The callbacks of other people's trainers."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from flowlaw.gate import LawViolated
from flowlaw.gate.callbacks import lightning_callback, trainer_callback
from flowlaw.oracles.errors import BadInput

torch: Any = pytest.importorskip("torch")


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("broken", [False, True])
def test_lightning(broken: bool, tmp_path: Path) -> None:
    lightning: Any = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()  # pyright: ignore[reportUnknownMemberType]
            self.network = network()

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            return torch.nn.functional.mse_loss(self.network(x), y)

        def on_before_optimizer_step(self, optimizer: Any) -> None:
            if broken:
                for p in self.parameters():
                    p.grad.clamp_(-0.01, 0.01)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)

    data = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randn(64, 2))
    callback = lightning_callback(every=2, on_violation="raise", example=(torch.randn(3, 4),))
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback],
        default_root_dir=tmp_path,
    )
    module = Module()
    module.forward = module.network.forward
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    if broken:
        with pytest.raises(LawViolated):
            trainer.fit(module, loader)
    else:
        trainer.fit(module, loader)
        assert callback.laws.recorded > 2
        assert callback.laws.families
        assert not callback.laws.violations


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("broken", [False, True])
def test_the_hugging_face_trainer(broken: bool, tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()  # pyright: ignore[reportUnknownMemberType]
            self.network = network()

        def forward(self, x: Any, labels: Any = None) -> Any:
            out = self.network(x)
            if labels is None:
                return {"logits": out}
            return {"loss": torch.nn.functional.mse_loss(out, labels), "logits": out}

    model = Model()
    if broken:
        model.network[0].bias.register_hook(torch.zeros_like)
    data = [{"x": torch.randn(4), "labels": torch.randn(2)} for _ in range(64)]
    callback = trainer_callback(every=2, on_violation="ignore", example=(torch.randn(3, 4),))
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=1,
        per_device_train_batch_size=8,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        max_grad_norm=1.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=data, callbacks=[callback], optimizers=(optimizer, None)
        )
        trainer.train()
    assert callback.laws.recorded > 2
    assert callback.laws.families
    assert bool(callback.laws.violations) is broken


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("transformers", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadInput, match="pip install transformers"):
        trainer_callback()
    with pytest.raises(BadInput, match="pip install lightning"):
        lightning_callback()
