"""Layered networks of every small shape."""

from __future__ import annotations

from itertools import combinations

from hypothesis import strategies as st

from ...oracles.models import DeepLinear, PathLifting, layered


@st.composite
def widths(
    draw: st.DrawFn,
    *,
    layers: tuple[int, int] = (2, 4),
    width: tuple[int, int] = (1, 4),
    parameters: int = 40,
) -> tuple[int, ...]:
    """Widths of layered networks; they shrink to the fewest layers, all of the smallest width.

    Args:
        layers: the least and the largest number of weight matrices.
        width: the least and the largest width, inputs and outputs included.
        parameters: more parameters than this are not drawn, as long as the widths allow it.
    """
    count = draw(st.integers(*layers))
    drawn: list[int] = []
    left = parameters
    for after in range(count, -1, -1):
        before = drawn[-1] if drawn else 0
        # of the layers still to come, the next one has this width on one side, the others have the least on both
        fan = before + (width[0] if after else 0)
        most = (left - max(0, after - 1) * width[0] ** 2) // fan
        drawn.append(draw(st.integers(width[0], max(width[0], min(width[1], most)))))
        left -= before * drawn[-1]
    return tuple(drawn)


@st.composite
def linear_models(
    draw: st.DrawFn,
    *,
    layers: tuple[int, int] = (2, 4),
    width: tuple[int, int] = (1, 4),
    parameters: int = 40,
    logits: bool | None = False,
) -> DeepLinear:
    """Deep linear networks; ``logits`` None mixes both kinds (a single output is never made of logits)."""
    shape = draw(widths(layers=layers, width=width, parameters=parameters))
    chosen = draw(st.booleans()) if logits is None else logits
    if chosen and shape[0] == 1:
        if logits is None:
            chosen = False
        else:
            shape = (2, *shape[1:])
    return DeepLinear(shape, chosen)


@st.composite
def relu_models(
    draw: st.DrawFn,
    *,
    layers: tuple[int, int] = (2, 4),
    width: tuple[int, int] = (1, 4),
    parameters: int = 40,
    bias: bool | None = None,
    outbias: bool | None = None,
    skips: bool = True,
) -> PathLifting:
    """Layered ReLU networks with trained biases and trained skip connections.

    Args:
        layers: as for ``widths``.
        width: as for ``widths``.
        parameters: as for ``widths``; biases and skips come on top.
        bias: whether hidden neurons have biases; None mixes.
        outbias: whether outputs have biases; None mixes.
        skips: whether trained skips may be drawn, at most two.
    """
    shape = draw(widths(layers=layers, width=width, parameters=parameters))
    depth = len(shape) - 1
    hidden_bias = (draw(st.booleans()) if bias is None else bias) and depth > 1
    output_bias = draw(st.booleans()) if outbias is None else outbias
    possible = [(i, j) for i, j in combinations(range(depth + 1), 2) if j > i + 1]
    chosen: list[tuple[int, int]] = []
    if skips and possible:
        chosen = draw(st.lists(st.sampled_from(possible), max_size=2, unique=True))
    return layered(shape, bias=hidden_bias, outbias=output_bias, skips=tuple(sorted(chosen)))
