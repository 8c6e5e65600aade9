"""A JAX loss and an optax optimizer as a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ...oracles.dynamics import Leaf, root
from ...oracles.errors import BadInput
from ..target import Array, Batch, Parameters, State, Target
from ._common import Description, Transform, by_step

if TYPE_CHECKING:
    from ..symmetry import Family


@dataclass(frozen=True, slots=True)
class RootOfSum:
    """``sqrt(x + eps)``: the root of optimizers that have their epsilon inside, as optax's rmsprop and adagrad.

    ``optax.rmsprop(lr, decay, eps)`` is ``RMSprop(lr=lr, alpha=decay, eps=0, root=RootOfSum(eps))``;
    ``optax.adagrad(lr, initial, eps)`` is ``Adagrad(lr=lr, initial=initial, eps=0, root=RootOfSum(eps))``.

    >>> RootOfSum(9.0)(16.0)
    5.0
    """

    eps: float

    def __call__(self, x: Leaf) -> Leaf:
        return root(x + self.eps)


def optax_target(
    loss: Callable[[Any, Any], Any],
    init: Callable[[int], Any],
    transform: Any,
    description: Description,
    batch: Callable[[int], Any],
    *,
    name: str = "optax",
    dtype: str = "float64",
    jit: bool = True,
    step: Callable[[Any, Any, Any], tuple[Any, Any]] | None = None,
    gradient_transform: Transform | None = None,
    roundings: int | None = None,
    families: tuple[Family, ...] | None = None,
) -> Target:
    """A target of a loss, parameters in a pytree, and a gradient transformation of optax.

    Everything runs in 64 bits where the dtype is float64, whatever the global setting. Parameters are named by their
    path in the tree. Nothing in ``init`` may be degenerate: no zero biases.

    Args:
        loss: of parameters and a batch, a scalar.
        init: random parameters for a seed.
        transform: such as ``optax.sgd(0.1, momentum=0.9)``.
        description: what the transformation is meant to be; optax does not say it. For an epsilon inside of a root see
            ``RootOfSum``. Some schedules compute in float32 whatever the dtype: describe a schedule by what it gives,
            ``lambda k: SGD(lr=float(schedule(np.int32(k))))``.
        batch: a random minibatch for a seed; floating arrays in it are cast to ``dtype``.
        name: of the target.
        dtype: ``float64``, ``float32``, ``float16`` or ``bfloat16``.
        jit: compile gradient and step.
        step: ``step(parameters, memory, batch) -> (parameters, memory)``, by default the update of ``transform``;
            the memory starts as ``transform.init(parameters)``.
        gradient_transform: what the step does to gradients before the optimizer (clipping), if anything.
        roundings: as in ``Target``.
        families: as in ``Target``.

    Raises:
        BadInput: jax or optax is not installed.
    """
    try:
        jax: Any = import_module("jax")
        jnp: Any = import_module("jax.numpy")
        optax: Any = import_module("optax")
    except ImportError:
        raise BadInput("This target needs JAX and optax. Install them with: pip install 'flowlaw[jax]'.") from None
    wide = dtype == "float64"

    def bits() -> Any:
        if hasattr(jax, "enable_x64"):
            return jax.enable_x64(wide)
        experimental: Any = import_module("jax.experimental")
        return (experimental.enable_x64 if wide else experimental.disable_x64)()

    def cast(x: Any) -> Any:
        array = jnp.asarray(x)
        return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array

    compiled: Callable[[Any], Any] = jax.jit if jit else lambda function: function
    gradient = compiled(jax.value_and_grad(loss))

    def own_step(parameters: Any, memory: Any, data: Any) -> tuple[Any, Any]:
        gradients = jax.grad(loss)(parameters, data)
        updates, after = transform.update(gradients, memory, parameters)
        return optax.apply_updates(parameters, updates), after

    stepped = compiled(own_step if step is None else step)
    with bits():
        shape = jax.tree.structure(init(0))

    def named(tree: Any) -> dict[str, Array]:
        leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
        return {_path(path): _array(leaf) for path, leaf in leaves}

    def tree_of(parameters: Parameters) -> Any:
        return jax.tree.unflatten(shape, [cast(value) for value in parameters.values()])

    def draw(seed: int) -> Parameters:
        with bits():
            return named(jax.tree.map(cast, init(seed)))

    def drawn(seed: int) -> Batch:
        with bits():
            return jax.tree.map(cast, batch(seed))

    def both(parameters: Parameters, data: Batch) -> tuple[float, dict[str, Array]]:
        with bits():
            value, gradients = gradient(tree_of(parameters), data)
            return float(value), named(gradients)

    def start(parameters: Parameters) -> State:
        with bits():
            tree = tree_of(parameters)
            return tree, transform.init(tree)

    def one(state: State, data: Batch) -> State:
        with bits():
            return stepped(state[0], state[1], data)

    return Target(
        name=name,
        draw=draw,
        batch=drawn,
        loss_and_gradient=both,
        start=start,
        step=one,
        read=lambda state: named(state[0]),
        optimizer=by_step(description),
        dtype=dtype,
        roundings=roundings,
        transform=gradient_transform,
        families=families,
    )


def _path(path: tuple[Any, ...]) -> str:
    """``layers.0.weight`` for a path of keys, indices and attributes."""
    parts = (getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))) for key in path)
    return ".".join(map(str, parts))


def _array(leaf: Any) -> Array:
    """As numpy array; what numpy has no dtype for becomes float32."""
    array: Array = np.asarray(leaf)
    return array if array.dtype.kind == "f" and array.dtype.itemsize > 2 else array.astype(np.float32)
