"""Runs of a small ReLU network, recorded by plain NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

RUN_FILE = """
version = 1
snapshots = "step-{step}.npz"

[optimizer]
kind = "sgd"
lr = 0.125
momentum = 0.875
weight_decay = 0.015625

[[schedule]]
from = 15
lr = 0.03125

[[charge]]
kind = "relu"
layers = ["fc1", "fc2"]
"""


def record(
    folder: Path,
    *,
    steps: int = 24,
    late: int = 0,
    decay: float = 2.0**-6,
    decoupled: bool = False,
    dtype: str = "float32",
    kept: Callable[[int], bool] = lambda k: True,
    first: int = 0,
    gradients: bool = False,
    run_file: str = RUN_FILE,
) -> Path:
    """Trains and writes one snapshot before each step; the bug of the run is in the arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    weights: dict[str, Floats] = {
        "fc1.weight": rng.normal(size=(6, 4)).astype(dtype),
        "fc1.bias": rng.normal(size=6).astype(dtype),
        "fc2.weight": rng.normal(size=(3, 6)).astype(dtype),
    }
    buffers: dict[str, Floats] = {}
    for k in range(steps):
        gradient = _gradient(weights, rng.normal(size=(4, 16)).astype(dtype), rng.normal(size=(3, 16)).astype(dtype))
        if kept(k):
            np.savez(folder / f"step-{k + first}.npz", allow_pickle=False, **weights)
        if kept(k) and gradients:
            np.savez(folder / f"grad-{k + first}.npz", allow_pickle=False, **gradient)
        rate = np.dtype(dtype).type(0.125 if k < 15 + late else 0.03125)
        for name, g in gradient.items():
            d = g if decoupled else g + np.dtype(dtype).type(decay) * weights[name]
            v = d if name not in buffers else np.dtype(dtype).type(0.875) * buffers[name] + d
            buffers[name] = v
            shrunk = weights[name] * (1 - rate * np.dtype(dtype).type(decay)) if decoupled else weights[name]
            weights[name] = shrunk - rate * v
    (folder / "run.toml").write_text(run_file)
    return folder


def _gradient(weights: dict[str, Floats], x: Floats, y: Floats) -> dict[str, Floats]:
    before = weights["fc1.weight"] @ x + weights["fc1.bias"][:, None]
    hidden = np.maximum(before, 0)
    error = (weights["fc2.weight"] @ hidden - y) / x.shape[1]
    back = (weights["fc2.weight"].T @ error) * (before > 0)
    return {"fc1.weight": back @ x.T, "fc1.bias": back.sum(axis=1), "fc2.weight": error @ hidden.T}
