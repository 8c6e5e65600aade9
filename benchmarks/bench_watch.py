"""What ``flowlaw.gate.watch`` costs a training loop on the CPU, at its default cadence.

Watched and unwatched blocks of steps of one model take turns in one process; the time of the watch stands still in
between. The first check is paid off slowly: the ratio of totals has it, the median of ratios shows a usual block. Run
``python benchmarks/bench_watch.py``.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

from flowlaw.gate import watch
from flowlaw.gate.modules import symmetries_of

WIDTHS = (784, 2048, 2048, 1900, 10)
WORDS, LENGTH = 256, 32


@dataclass(frozen=True)
class Case:
    """A loop.

    Args:
        name: of the model and its optimizer.
        model: a torch module.
        optimizer: its optimizer.
        step: one training step.
        example: arguments of the module.
        steps: of one block.
        rounds: pairs of blocks.
    """

    name: str
    model: Any
    optimizer: Any
    step: Callable[[], None]
    example: tuple[Any, ...]
    steps: int
    rounds: int


def perceptron(torch: Any) -> Case:
    """A ReLU network of ten million parameters, float32, SGD with momentum."""
    layers: list[Any] = []
    for a, b in pairwise(WIDTHS):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        x, y = torch.randn(128, WIDTHS[0]), torch.randint(0, WIDTHS[-1], (128,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return Case("ReLU network, batch 128, SGD", model, optimizer, step, (torch.randn(128, WIDTHS[0]),), 10, 14)


def llama(torch: Any) -> Case | None:
    """A tiny Llama with random weights, AdamW; None without transformers."""
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError:
        return None
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LENGTH,
    )
    model: Any = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        words = torch.randint(0, WORDS, (8, LENGTH))
        optimizer.zero_grad()
        model(input_ids=words, labels=words).loss.backward()
        optimizer.step()

    return Case("Llama, batch 8 x 32, AdamW", model, optimizer, step, (torch.randint(0, WORDS, (8, LENGTH)),), 50, 16)


def measure(case: Case) -> None:
    """Prints what the watch of one loop costs and what it saw."""
    parameters = sum(p.numel() for p in case.model.parameters())
    begin = perf_counter()
    families = symmetries_of(case.model, case.example)
    found = perf_counter() - begin
    charges = sum(len(family.names) for family in families)
    print(f"{case.name}, {parameters:,} parameters")
    print(f"  {charges:,} charges in {len(families)} families found in {found:.1f} s, once")
    for _ in range(3):
        case.step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    laws = watch(case.model, case.optimizer, families=families)
    watched: list[float] = []
    plain: list[float] = []
    first = 0.0
    for turn in range(case.rounds):
        for is_watched in (True, False) if turn % 2 else (False, True):
            if is_watched:
                with laws:
                    watched.append(block(case))
                first = first or laws.share * watched[0]
            else:
                plain.append(block(case))
    ratios = sorted(a / b for a, b in zip(watched, plain, strict=True))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    looked, of = laws.coverage
    verdicts = [finding.verdict for finding in laws.findings]
    count = case.rounds * case.steps
    print(f"  {1000 * sum(plain) / count:.1f} ms a step, {count} steps watched, {count} not, in turn")
    print(
        f"  overhead: median of ratios {100 * (median(ratios) - 1):+.1f} %, of totals "
        f"{100 * (sum(watched) / sum(plain) - 1):+.1f} % (blocks {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    print(f"  by its own clock {100 * laws.share:.1f} % of the watched time; the first block {1000 * first:.0f} ms")
    print(f"  {laws.checks} checks of 2 steps, {looked:,} of {of:,} charges looked at; memory grew by {grown:.0f} MiB")
    print(
        f"  findings: {verdicts.count('HOLDS')} hold, {verdicts.count('SKIPPED')} skipped, "
        f"{verdicts.count('VIOLATED')} violated"
    )


def block(case: Case) -> float:
    """Seconds of one block of steps."""
    begin = perf_counter()
    for _ in range(case.steps):
        case.step()
    return perf_counter() - begin


def main() -> int:
    """Prints both loops, or why there are none."""
    try:
        torch: Any = import_module("torch")
    except ImportError:
        print("SKIPPED: torch is not installed")
        return 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        measure(perceptron(torch))
        small = llama(torch)
        if small is None:
            print("Llama: SKIPPED: transformers is not installed")
        else:
            measure(small)
    finally:
        torch.set_num_threads(threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
