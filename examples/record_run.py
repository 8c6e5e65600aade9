"""Trains a small ReLU network in plain NumPy and records it for ``flowlaw audit``.

python examples/record_run.py right-run
python examples/record_run.py late-run --late     # the schedule is applied one step late
flowlaw audit late-run
"""

import sys
from pathlib import Path

import numpy as np

LR, MOMENTUM, DECAY = 0.1, 0.9, 0.01
RUN_FILE = f"""version = 1
snapshots = "step-{{step}}.npz"

[optimizer]
kind = "sgd"
lr = {LR}
momentum = {MOMENTUM}
weight_decay = {DECAY}

[[schedule]]
from = 20
lr = {LR / 10}

[[charge]]
kind = "relu"
layers = ["fc1", "fc2"]
"""


def main(folder: Path, late: int) -> None:
    """Trains for 40 steps; the rate falls at step 20, or ``late`` steps after it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    theta = {
        "fc1.weight": rng.normal(size=(8, 4)),
        "fc1.bias": rng.normal(size=8),
        "fc2.weight": rng.normal(size=(3, 8)),
    }
    buffer = {name: np.zeros_like(values) for name, values in theta.items()}
    for k in range(40):
        np.savez(folder / f"step-{k:02}.npz", **theta)  # the weights before step k
        x, y = rng.normal(size=(4, 32)), rng.normal(size=(3, 32))
        before = theta["fc1.weight"] @ x + theta["fc1.bias"][:, None]
        hidden = np.maximum(before, 0)
        error = (theta["fc2.weight"] @ hidden - y) / 32
        back = (theta["fc2.weight"].T @ error) * (before > 0)
        gradient = {"fc1.weight": back @ x.T, "fc1.bias": back.sum(axis=1), "fc2.weight": error @ hidden.T}
        for name, g in gradient.items():
            buffer[name] = MOMENTUM * buffer[name] + g + DECAY * theta[name]
            theta[name] = theta[name] - (LR if k < 20 + late else LR / 10) * buffer[name]
    (folder / "run.toml").write_text(RUN_FILE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), late=int("--late" in sys.argv))
