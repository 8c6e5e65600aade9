"""A PyTorch module and its optimizer as a target; the description of an optimizer of ``torch.optim``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import (
    SGD,
    Adagrad,
    AdagradSlot,
    Adam,
    AdamSlot,
    Grouped,
    Optimizer,
    RMSprop,
    RMSpropSlot,
)
from ...oracles.errors import BadInput
from ..target import Array, Batch, Parameters, Target
from ._common import Description, Transform, by_step, converted
from ._seeds import seed_torch
from ._threads import few_threads

if TYPE_CHECKING:
    from ..symmetry import Family

SPREAD = 0.3
"""Standard deviation of what is added to constant tensors: zero biases and gains of 1."""
BUILT = 8
"""Modules that are built; every draw is one of them, moved."""


def torch_target(
    build: Callable[[int], Any],
    optimize: Callable[[Any], Any],
    loss: Callable[[Any, Any], Any],
    batch: Callable[[int], Any],
    *,
    name: str = "torch",
    dtype: str = "float64",
    autocast: str = "",
    scheduler: Callable[[Any], Any] | None = None,
    step: Callable[..., object] | None = None,
    description: Description | None = None,
    transform: Transform | None = None,
    example: Callable[[], tuple[Any, ...]] | None = None,
    roundings: int | None = None,
    families: tuple[Family, ...] | None = None,
) -> Target:
    """A target of a module, an optimizer and a loss.

    The step is ``zero_grad``, ``loss``, ``backward``, ``optimizer.step`` and ``scheduler.step``, or the user's own.
    Every draw adds noise of its own size to each tensor that ``build`` makes, also to constant ones (zero biases, gains
    of 1), so that no wrong law holds by accident. A tied parameter is one parameter. Parameters that no optimizer has,
    or that get no gradient, are expected to stay as they are. The random numbers of torch are seeded by the batch, so
    that dropout draws the same masks whenever a batch is seen. Modules with buffers that matter in training mode
    (spectral norm) are not modelled.

    Args:
        build: a module for a seed; torch is seeded before the call.
        optimize: the optimizer of a module: ``lambda model: torch.optim.SGD(model.parameters(), lr=0.1)``.
        loss: of a module and a batch, a scalar tensor.
        batch: a random minibatch for a seed; floating tensors in it are cast to ``dtype``.
        name: of the target.
        dtype: ``float64``, ``float32``, ``float16`` or ``bfloat16``.
        autocast: a dtype for ``torch.autocast``; none by default. A step of one's own does this by itself.
        scheduler: a learning-rate scheduler of an optimizer.
        step: ``step(model, optimizer, batch)``, or ``step(model, optimizer, batch, scheduler)`` where there is a
            scheduler, which it then has to step itself.
        description: what the optimizer is meant to be for every parameter of the module; by default what ``describe``
            reads off a fresh optimizer, with the schedule of a fresh scheduler.
        transform: what the step does to gradients before the optimizer sees them (clipping), see
            ``flowlaw.oracles.dynamics``.
        example: arguments of the module, for a trace.
        roundings: as in ``Target``.
        families: as in ``Target``.

    Raises:
        BadInput: torch is not installed.
    """
    made = _Training(build, optimize, loss, batch, dtype, autocast, scheduler, step, told=description is not None)
    return Target(
        name=name,
        draw=made.draw,
        batch=made.batch,
        loss_and_gradient=made.loss_and_gradient,
        start=made.start,
        step=made.step,
        read=made.read,
        optimizer=made.described if description is None else by_step(description),
        dtype=dtype,
        gradient_dtype=autocast,
        roundings=roundings,
        transform=transform,
        families=families,
        module=None if example is None else lambda: (made.fresh(0), example()),
    )


def describe(optimizer: Any, names: Iterable[tuple[str, Any]]) -> Optimizer:
    """What a torch optimizer does now, as data: its class and the hyper-parameters of its groups.

    Args:
        optimizer: SGD, Adam, AdamW, RMSprop or Adagrad of torch.optim, or a subclass, which is taken for its base.
        names: ``model.named_parameters()``; the members of groups are in this order. A parameter that the optimizer
            does not have is described by a rate of 0.

    Raises:
        BadInput: another class.
    """
    describer = next((_DESCRIBERS[kind.__name__] for kind in type(optimizer).__mro__ if _known(kind)), None)
    if describer is None:
        raise BadInput(
            f"No description is known for {type(optimizer).__module__}.{type(optimizer).__qualname__}. Known are "
            f"{', '.join(_DESCRIBERS)} of torch.optim; describe others with description=... (flowlaw.oracles.dynamics)."
        )
    groups: list[Optimizer] = []
    owner: dict[int, int] = {}
    for group in optimizer.param_groups:
        made = describer({key: _plain(value) for key, value in group.items() if key != "params"})
        if made not in groups:
            groups.append(made)
        owner.update((id(parameter), groups.index(made)) for parameter in group["params"])
    members = [owner.get(id(parameter), -1) for _, parameter in names]
    if -1 in members:
        groups.append(SGD(lr=0.0))
    used = sorted({member % len(groups) for member in members})
    if len(used) == 1:
        return groups[used[0]]
    return Grouped(tuple(groups[i] for i in used), tuple(used.index(member % len(groups)) for member in members))


def memory(optimizer: Any, names: Iterable[tuple[str, Any]]) -> tuple[Any, ...]:
    """What a torch optimizer remembers of each parameter now, as slots of ``flowlaw.oracles.dynamics``.

    Args:
        optimizer: one that ``describe`` knows.
        names: ``model.named_parameters()``.
    """
    reader = next(_READERS[kind.__name__] for kind in type(optimizer).__mro__ if _known(kind))
    owned = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    slots: list[Any] = []
    for _, parameter in names:
        state: dict[str, Any] = optimizer.state.get(parameter) or {}
        known = {key: _remembered(key, value) for key, value in state.items() if value is not None}
        slots.append(reader(known) if known and id(parameter) in owned else None)
    return tuple(slots)


def _remembered(key: str, value: Any) -> Any:
    """A tensor as array of float64; the count of steps as whole number."""
    return int(value) if key == "step" else _array(value).astype("float64")


def _adam_slot(state: dict[str, Any]) -> AdamSlot:
    return AdamSlot(state["step"], state["exp_avg"], state["exp_avg_sq"], state.get("max_exp_avg_sq"))


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "SGD": lambda state: state.get("momentum_buffer"),
    "AdamW": _adam_slot,
    "Adam": _adam_slot,
    "RMSprop": lambda state: RMSpropSlot(
        state["square_avg"],
        state.get("grad_avg", 0.0 * state["square_avg"]),
        state.get("momentum_buffer", 0.0 * state["square_avg"]),
    ),
    "Adagrad": lambda state: AdagradSlot(state["step"], state["sum"]),
}


def _known(kind: type) -> bool:
    return kind.__name__ in _DESCRIBERS and kind.__module__.startswith("torch.optim")


def _plain(value: Any) -> Any:
    """Numbers instead of 0-dimensional tensors."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return value.item() if hasattr(value, "item") else value


def _sgd(group: dict[str, Any]) -> Optimizer:
    chosen = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    return SGD(**{key: group[key] for key in chosen if key in group})


def _adam(group: dict[str, Any], decoupled: bool = False) -> Optimizer:
    return Adam(
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        eps=group["eps"],
        weight_decay=group["weight_decay"],
        decoupled=bool(group.get("decoupled_weight_decay", decoupled)),
        amsgrad=bool(group["amsgrad"]),
        maximize=bool(group.get("maximize")),
    )


def _rmsprop(group: dict[str, Any]) -> Optimizer:
    chosen = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")
    return RMSprop(**{key: group[key] for key in chosen if key in group})


def _adagrad(group: dict[str, Any]) -> Optimizer:
    chosen = {key: group[key] for key in ("lr", "lr_decay", "eps", "weight_decay", "maximize") if key in group}
    return Adagrad(**chosen, initial=group.get("initial_accumulator_value", 0))


_DESCRIBERS: dict[str, Callable[[dict[str, Any]], Optimizer]] = {
    "SGD": _sgd,
    "AdamW": lambda group: _adam(group, decoupled=True),
    "Adam": _adam,
    "RMSprop": _rmsprop,
    "Adagrad": _adagrad,
}


@dataclass(slots=True)
class _State:
    model: Any
    optimizer: Any
    scheduler: Any


class _Training:
    """The callables of a target."""

    def __init__(
        self,
        build: Callable[[int], Any],
        optimize: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        batch: Callable[[int], Any],
        dtype: str,
        autocast: str,
        scheduler: Callable[[Any], Any] | None,
        step: Callable[..., object] | None,
        *,
        told: bool,
    ) -> None:
        self.torch = torch_or_error()
        self.told = told
        self.build, self.optimize, self.loss, self.draw_batch = build, optimize, loss, batch
        self.dtype = getattr(self.torch, dtype)
        self.autocast = getattr(self.torch, autocast) if autocast else None
        self.scheduler, self.own_step = scheduler, step
        self._module: Any = None
        self._buffers: dict[str, Any] = {}
        self._trained: set[str] = set()
        self._pool: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._schedule: list[Optimizer] = []
        self._dry: Any = None

    def fresh(self, seed: int) -> Any:
        """A module in the dtype of the target."""
        with self._seeded(seed):
            module = self.build(seed).to(self.dtype)
        self._count = sum(parameter.numel() for parameter in module.parameters())
        return module

    def draw(self, seed: int) -> Parameters:
        """One of a few modules, moved by noise of its own size: building a module can cost more than training it."""
        tensors = self._built(seed % BUILT)
        with self._seeded(seed), self.torch.no_grad():
            return {
                key: _array(values + _size(values) * self.torch.randn_like(values)) for key, values in tensors.items()
            }

    def _built(self, seed: int) -> dict[str, Any]:
        if seed not in self._pool:
            self._pool[seed] = {key: p.detach().clone() for key, p in self.fresh(seed).named_parameters()}
        return self._pool[seed]

    def batch(self, seed: int) -> tuple[int, Any]:
        """With its seed, which also seeds what the module draws."""
        with self._seeded(seed):
            data = self.draw_batch(seed)

        def cast(x: Any) -> Any:
            return x.to(self.dtype) if isinstance(x, self.torch.Tensor) and x.is_floating_point() else x

        return seed, converted(data, cast)

    def loss_and_gradient(self, parameters: Parameters, batch: Batch) -> tuple[float, dict[str, Array | None]]:
        module = self._evaluated()
        self._load(module, parameters)
        for key, buffer in module.named_buffers():
            buffer.copy_(self._buffers[key])
        for parameter in module.parameters():
            parameter.grad = None
        seed, data = batch
        with self._seeded(seed), self.torch.enable_grad():
            value = self._loss(module, data)
            value.backward()
        gradients = {
            key: None if p.grad is None or key not in self._trained else _array(p.grad)
            for key, p in module.named_parameters()
        }
        return float(value.detach()), gradients

    def start(self, parameters: Parameters) -> _State:
        module = self.fresh(0)
        self._load(module, parameters)
        optimizer = self.optimize(module)
        return _State(module, optimizer, None if self.scheduler is None else self.scheduler(optimizer))

    def step(self, state: _State, batch: Batch) -> _State:
        seed, data = batch
        with self._seeded(seed), self.torch.enable_grad():
            if self.own_step is not None:
                more = () if state.scheduler is None else (state.scheduler,)
                self.own_step(state.model, state.optimizer, data, *more)
            else:
                state.optimizer.zero_grad()
                self._loss(state.model, data).backward()
                state.optimizer.step()
                if state.scheduler is not None:
                    state.scheduler.step()
        return state

    def read(self, state: _State) -> Parameters:
        return self._arrays(state.model)

    def described(self, k: int) -> Optimizer:
        """Read off a fresh optimizer, after k steps of a fresh scheduler without gradients."""
        if self._dry is None:
            model = self.fresh(0)
            optimizer = self.optimize(model)
            self._dry = _State(model, optimizer, None if self.scheduler is None else self.scheduler(optimizer))
        dry = self._dry
        while len(self._schedule) <= k:
            if dry.scheduler is None and self._schedule:
                return self._schedule[0]
            self._schedule.append(describe(dry.optimizer, dry.model.named_parameters()))
            if dry.scheduler is not None:
                dry.optimizer.step()
                dry.scheduler.step()
        return self._schedule[k]

    def _loss(self, module: Any, data: Any) -> Any:
        lowered = self.torch.autocast("cpu", dtype=self.autocast) if self.autocast is not None else nullcontext()
        with lowered:
            return self.loss(module, data)

    def _evaluated(self) -> Any:
        """The module that gradients are asked of, apart from the one that is trained."""
        if self._module is None:
            self._module = self.fresh(0)
            self._buffers = {key: buffer.clone() for key, buffer in self._module.named_buffers()}
            named = list(self._module.named_parameters())
            if self.told:  # a tensor that the optimizer lacks is to be seen, not to be believed
                self._trained = {key for key, _ in named}
            else:
                has = {id(p) for group in self.optimize(self._module).param_groups for p in group["params"]}
                self._trained = {key for key, p in named if id(p) in has}
        return self._module

    def _load(self, module: Any, parameters: Parameters) -> None:
        with self.torch.no_grad():
            for key, parameter in module.named_parameters():
                parameter.copy_(self.torch.from_numpy(parameters[key]))

    def _arrays(self, module: Any) -> dict[str, Array]:
        return {key: _array(parameter) for key, parameter in module.named_parameters()}

    @contextmanager
    def _seeded(self, seed: int) -> Generator[None]:
        with self.torch.random.fork_rng(devices=[]), few_threads(self.torch, self._count):
            seed_torch(self.torch, seed)
            yield


def torch_or_error() -> Any:
    """The module torch.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError:
        raise BadInput("This target needs PyTorch. Install it with: pip install 'flowlaw[torch]'.") from None


def _size(values: Any) -> float:
    """The spread of a tensor; that of constant ones is chosen, so that no wrong law holds by accident."""
    spread = float(values.double().std(correction=0)) if values.numel() else 0.0
    return spread or SPREAD


def _array(tensor: Any) -> Array:
    """A copy as numpy array; what numpy has no dtype for becomes float32."""
    tensor = tensor.detach()
    if str(tensor.dtype) in ("torch.bfloat16", "torch.float16"):
        tensor = tensor.float()
    made: Array = tensor.cpu().numpy().copy()
    return made
