"""The engine for any function of the parameters: ``torch.func.grad`` mapped over the cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._torch import Device, torch_on
from ._trajectory import Floats
from .batched import Precision, Tensor
from .fields import CompiledPolynomials
from .objective import Objective


@dataclass(frozen=True, slots=True)
class GenericEngine:
    """Any function of one case's parameters and data, differentiated by ``torch.func.grad`` under ``vmap``.

    Attributes:
        parameters: D.
        energy: maps a tensor (D,) and one slice of each array of ``data`` to a scalar tensor.
        data: arrays whose first axis counts the cases.
    """

    parameters: int
    energy: Callable[..., Tensor]
    data: tuple[Floats, ...] = ()

    @property
    def cases(self) -> int | None:
        return len(self.data[0]) if self.data else None

    def floats_per_case(self) -> int:
        return 8 * self.parameters + 4 * sum(int(np.prod(a.shape[1:])) for a in self.data)

    def load(self, torch: Any, first: int, last: int, options: dict[str, Any]) -> Any:
        return tuple(torch.as_tensor(a[first:last]).to(**options) for a in self.data)

    def enter(self, points: Tensor) -> Tensor:
        return points

    def leave(self, state: Tensor) -> Tensor:
        return state

    def step(self, torch: Any, state: Tensor, data: Any, eta: float) -> Tensor:
        gradient = torch.func.vmap(torch.func.grad(self.energy))(state, *data)
        return state.sub_(gradient, alpha=eta)


def polynomial_energy(
    objective: Objective, device: Device = "cpu", dtype: Precision = "float64"
) -> Callable[[Tensor], Tensor]:
    """``E(theta)`` of an objective as a torch function of a tensor (D,), for ``GenericEngine``."""
    torch = torch_on(device)
    options = {"device": device, "dtype": getattr(torch, dtype)}
    compiled = CompiledPolynomials(objective.coordinates, objective.parameters)
    size = len(objective.coordinates)
    gather, curvature = np.zeros((size, len(compiled.owners))), np.zeros((size, size))
    gather[compiled.owners, np.arange(len(compiled.owners))] = compiled.coefficients
    for i, j, a in objective.loss.curvature:
        curvature[i, j] = float(a)
    slope = np.array([float(c) for c in objective.loss.slope])
    gathering, bending, leaning = (torch.as_tensor(a).to(**options) for a in (gather, curvature, slope))
    factors = torch.as_tensor(compiled.factors, device=device)
    one = torch.ones(1).to(**options)

    def energy(point: Tensor) -> Tensor:
        z = gathering @ torch.cat([point, one])[factors].prod(dim=-1)
        return leaning @ z + z @ (bending @ z) / 2

    return energy
