"""``watch`` as callbacks of Lightning and of the Hugging Face Trainer, which are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..oracles.errors import BadInput
from .watch import Watch, watch


class _Watching:
    """What both callbacks do: the watch is entered when training begins and left when it ends."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.laws: Watch | None = None

    def begin(self, model: Any, optimizer: Any) -> None:
        """Starts to watch; once, whatever calls it."""
        if self.laws is None:
            self.laws = watch(model, optimizer, **self.options)
            self.laws.__enter__()

    def end(self) -> None:
        """Stops; ``laws`` keeps its findings."""
        if self.laws is not None:
            self.laws.__exit__(None, None, None)


def lightning_callback(**options: Any) -> Any:
    """A callback for ``lightning.Trainer(callbacks=[...])``; its attribute ``laws`` is the ``Watch``.

    Args:
        options: those of ``watch``.

    Raises:
        BadInput: neither lightning nor pytorch_lightning is installed. In ``on_train_start``: several optimizers.
    """
    base = _base(("lightning.pytorch", "pytorch_lightning"), "Callback", "lightning")
    watching = _Watching(options)

    def on_train_start(self: Any, trainer: Any, module: Any) -> None:
        if len(trainer.optimizers) != 1:
            raise BadInput(f"{len(trainer.optimizers)} optimizers: watch each of them in a loop of your own.")
        watching.begin(module, trainer.optimizers[0])

    def on_train_end(self: Any, trainer: Any, module: Any) -> None:
        watching.end()

    made = {"on_train_start": on_train_start, "on_train_end": on_train_end, "on_exception": _ended(watching)}
    return _instance("LawsCallback", base, made, watching)


def trainer_callback(**options: Any) -> Any:
    """A callback for ``transformers.Trainer(callbacks=[...])``; its attribute ``laws`` is the ``Watch``.

    Args:
        options: those of ``watch``.

    Raises:
        BadInput: transformers is not installed.
    """
    base = _base(("transformers",), "TrainerCallback", "transformers")
    watching = _Watching(options)

    def on_train_begin(self: Any, args: Any, state: Any, control: Any, **known: Any) -> None:
        optimizer = known["optimizer"]
        watching.begin(known["model"], getattr(optimizer, "optimizer", optimizer))  # accelerate wraps it

    return _instance(
        "LawsCallback", base, {"on_train_begin": on_train_begin, "on_train_end": _ended(watching)}, watching
    )


def _ended(watching: _Watching) -> Any:
    def ended(self: Any, *arguments: Any, **known: Any) -> None:
        watching.end()

    return ended


def _instance(name: str, base: type, methods: dict[str, Any], watching: _Watching) -> Any:
    laws = property(lambda self: watching.laws)
    return type(name, (base,), {**methods, "laws": laws, "__doc__": "Watches the laws of a training run."})()


def _base(modules: tuple[str, ...], name: str, package: str) -> Any:
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except ImportError:
            continue
    raise BadInput(f"This callback needs {package}. Install it with: pip install {package}.")
