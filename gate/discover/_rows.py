"""The table of building blocks: which patterns of a network have which symmetries."""

from __future__ import annotations

from dataclasses import dataclass


def blocks_page() -> str:
    """The table as the page docs/blocks.md."""
    head = (
        "# Building blocks\n\n"
        "The patterns of networks whose symmetries `flowlaw discover` tells apart ([how](discover.md)). In the column "
        "of laws: *quadratic* means the identities of a quadratic charge, *linear* those of a translation, "
        "*antisymmetric* the angular ones, *zero gradient* that the parameter only decays, *orthogonality* that the "
        "gradient is orthogonal and no charge follows. *Without epsilon* means that a normalisation's epsilon breaks "
        "it; the "
        "defect is then predicted. Every row is a test on real torch modules in float64, with what breaks it as a "
        "control: `tests/gate/discover/test_blocks.py`. The page is written from `flowlaw.gate.discover.ROWS`.\n\n"
        "| row | pattern | what may be done | charge | laws | what breaks it, or looks alike |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(
        "| " + " | ".join(_cell(text) for text in (r.id, r.pattern, r.action, r.charge, r.law, r.breaks)) + " |\n"
        for r in ROWS
    )


def _cell(text: str) -> str:
    """Bars and stars as themselves."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


@dataclass(frozen=True, slots=True)
class Row:
    """One building block.

    Args:
        id: ``M1`` to ``M32``.
        pattern: what it looks like in a network.
        action: what may be done to the parameters, t being any positive number.
        charge: what gradient flow without decay keeps; empty for nothing.
        law: which discrete identities apply: ``quadratic``, ``linear``, ``antisymmetric``, ``zero gradient``,
            ``orthogonality`` alone, or ``none``.
        breaks: what looks alike and has no such symmetry.
    """

    id: str
    pattern: str
    action: str
    charge: str
    law: str
    breaks: str


ROWS: tuple[Row, ...] = (
    Row(
        "M1",
        "linear, then linear",
        "W1, b1 to A W1, A b1 and W2 to W2 A^-1, for any invertible A; also b1 + u with b2 - W2 u",
        "W1 W1^T + b1 b1^T - W2^T W2, a matrix",
        "quadratic, antisymmetric; orthogonality for the shear",
        "a bias left out; dropout between leaves only the diagonal",
    ),
    Row(
        "M2",
        "linear, ReLU or another activation of degree 1, linear",
        "row i of W1 and b1 times t, column i of W2 over t",
        "|W1[i]|^2 + b1[i]^2 - |W2[:, i]|^2",
        "quadratic",
        "GELU, SiLU, tanh, ELU, sigmoid",
    ),
    Row(
        "M3",
        "an activation of degree p, such as the square of ReLU (p = 2)",
        "row i of W1 and b1 times t, column i of W2 times t^-p",
        "|W1[i]|^2 + b1[i]^2 - p |W2[:, i]|^2",
        "quadratic",
        "a sum of two degrees",
    ),
    Row(
        "M4",
        "ReLU6, Hardtanh, Hardswish, clamp",
        "none",
        "",
        "none",
        "units that never saturate look like ReLU: draw parameters at several scales",
    ),
    Row(
        "M5",
        "convolution, ReLU, convolution",
        "output channel i times t, what reads it over t",
        "the sum of squares of what writes channel i minus that of what reads it",
        "quadratic",
        "with groups what reads a channel is a slice of its group alone; depthwise it is a row",
    ),
    Row(
        "M6",
        "pooling, dropout, upsampling or flattening between",
        "as M2 and M5; after flattening a channel is a block of columns",
        "as M2 and M5",
        "quadratic",
        "log-sum-exp pooling",
    ),
    Row(
        "M7",
        "batch norm with batch statistics after linear or convolution",
        "row i of W times t",
        "|W[i]|^2",
        "quadratic, without epsilon",
        "epsilon: <g, W[i]> = -2 eps dL/deps exactly",
    ),
    Row("M8", "a bias before batch norm or instance norm", "b + u", "b", "zero gradient", "frozen statistics"),
    Row(
        "M9",
        "gain and offset of a norm, then (ReLU and) a reader",
        "gain and offset of channel i times t, what reads it over t",
        "gain^2 + offset^2 - the sum of squares of what reads it",
        "quadratic, for any epsilon",
        "GELU between",
    ),
    Row("M10", "batch norm with frozen statistics", "only M9", "", "none", "a switch between modes during a run"),
    Row(
        "M11",
        "layer norm after linear",
        "W and b together times t; the same function added to all rows of W, or of b",
        "|W|^2 + |b|^2 without epsilon; column sums of W and the sum of b for any epsilon",
        "quadratic; linear",
        "one row alone",
    ),
    Row(
        "M12",
        "RMS norm after linear",
        "W and b together times t",
        "|W|^2 + |b|^2",
        "quadratic, without epsilon",
        "translations",
    ),
    Row(
        "M13",
        "linear, RMS norm without gain, linear",
        "W1, b1 to O W1, O b1 and W2 to W2 O^T, for any rotation O",
        "",
        "antisymmetric",
        "a gain in between",
    ),
    Row(
        "M14",
        "group norm after linear or convolution",
        "all rows and biases of a group times t; a common shift of the biases of a group",
        "the sum of squares of a group without epsilon; the sum of its biases",
        "quadratic; linear",
        "one channel alone; weights shift only where the input has no positions",
    ),
    Row(
        "M15",
        "instance norm after convolution",
        "channel i of W times t; b + u",
        "|W[i]|^2 without epsilon; b",
        "quadratic; zero gradient",
        "epsilon",
    ),
    Row(
        "M16",
        "weight norm, W = g v / |v|",
        "row i of v times t; g[i] and b[i] against the next layer as M2",
        "|v[i]|^2; g[i]^2 + b[i]^2 - |W2[:, i]|^2",
        "quadratic, exactly",
        "tanh loses the second, not the first",
    ),
    Row(
        "M17",
        "last linear layer under a loss of differences of logits",
        "the same function added to all rows of W, or of b",
        "column sums of W, the sum of b",
        "linear",
        "squared error, binary cross entropy, soft-capped logits",
    ),
    Row(
        "M18",
        "queries and keys of one head",
        "[W_Q b_Q] to A [W_Q b_Q], [W_K b_K] to A^-T [W_K b_K]",
        "W_Q W_Q^T + b_Q b_Q^T - W_K W_K^T",
        "quadratic, antisymmetric",
        "rows of different heads; b_Q left out",
    ),
    Row(
        "M19",
        "values and output projection of one head",
        "[W_V b_V] to A [W_V b_V], the columns of W_O of this head to W_O A^-1",
        "W_V W_V^T + b_V b_V^T - W_O^T W_O",
        "quadratic, antisymmetric",
        "it survives attention dropout",
    ),
    Row(
        "M20",
        "bias of keys",
        "b_K + u",
        "b_K",
        "zero gradient",
        "a key that is added without it; rotary positions after the bias",
    ),
    Row("M21", "bias of values", "b_V + u with b_O - W_O u", "", "orthogonality", "attention dropout"),
    Row(
        "M22",
        "rotary positions",
        "A of M18 must commute with the rotations: a scaling and a rotation for each plane of two rows",
        "the sum over query rows of a plane minus that over key rows",
        "quadratic, antisymmetric",
        "all of GL; which rows are a plane depends on the library",
    ),
    Row(
        "M23",
        "grouped queries",
        "one A for each key head, on all query heads of its group",
        "the sum over query heads of W_Q W_Q^T minus W_K W_K^T; W_V W_V^T minus the sum of W_O^T W_O",
        "quadratic, antisymmetric",
        "one query head alone",
    ),
    Row(
        "M24",
        "norm of queries and keys",
        "W_Q of a head times t, W_K of a head times t",
        "|W_Q|^2, |W_K|^2 of a head",
        "quadratic, without epsilon",
        "M18 is gone",
    ),
    Row(
        "M25",
        "gated layer W_d (act(W_g x) * (W_u x))",
        "row i of W_u, b_u times t, column i of W_d over t; W_g as well if act has degree 1",
        "|W_u[i]|^2 + b_u[i]^2 - |W_d[:, i]|^2",
        "quadratic",
        "the gate of SwiGLU and GeGLU",
    ),
    Row(
        "M26",
        "residual stream, linear or ReLU",
        "all that writes channel i times t, all that reads it over t",
        "the sum of squares of writers minus that of readers",
        "quadratic",
        "one layer against the next",
    ),
    Row(
        "M27",
        "residual stream of which every reader starts with layer norm",
        "the same function added to all rows of anything that writes the stream",
        "column sums of every writer, sums of its bias, row sums of embeddings",
        "linear, for any epsilon",
        "RMS norm; an activation on the stream",
    ),
    Row(
        "M28",
        "embedding, then linear",
        "E to E A, W to W A^-T",
        "E^T E - W^T W",
        "quadratic, antisymmetric",
        "a padding row that is not zero; gradients scaled by frequency",
    ),
    Row(
        "M29",
        "embedding tied to the output",
        "the same number added to all entries of E",
        "the sum of E",
        "linear",
        "M17 and M28 alone",
    ),
    Row(
        "M30",
        "ReLU recurrence",
        "row i of W_ih, of W_hh and the biases times t, column i of W_hh and of readers over t; b_ih + u with b_hh - u",
        "the squares of rows minus those of columns, in which W_hh[i, i] cancels; b_ih - b_hh",
        "quadratic; linear",
        "tanh, LSTM and GRU keep only the shift",
    ),
    Row("M31", "tied encoder and decoder W^T act(W x + b)", "none", "", "none", "the naive pairing"),
    Row("M32", "units or networks of the same kind", "permutations", "", "none", "discrete: equal states stay equal"),
)
