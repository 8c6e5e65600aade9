"""A1.relu.g-versus-phi: in some regions a ReLU network has more laws than its path lifting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_deep_linear_known_laws import worst_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting
    from ...oracles.polynomials import Rational
    from ...oracles.region import Region, RegionReport

FIRST = (5, -7, 3, 4, 5, -11)
"""First-layer weights of 2-3-2-2: three half planes whose lines differ."""
LAST = (2, 3, -1, 4)
DRAWS = range(6)
"""Seeds of the random draws of (c)."""
SECOND = {
    "mixed signs": (2, -1, -3, 5, 4, 2),
    "a negative second neuron": (2, -1, -3, -5, 4, -2),
    "positive weights": (2, 1, 3, 5, 4, 2),
}
"""Second-layer weights of 2-3-2-2, a column for each of its two neurons."""


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A region: a network, exact weights, inputs and the leak."""

    model: PathLifting
    weights: tuple[Rational, ...]
    inputs: tuple[tuple[Rational, ...], ...]
    leak: Rational = 0

    def __repr__(self) -> str:
        from ..strategies import shown

        leak = f", leak {self.leak}" if self.leak else ""
        inputs = ", ".join(shown(x) for x in self.inputs[:6]) + ", ..." * (len(self.inputs) > 6)
        return f"{self.model.spec}{leak}, weights {shown(self.weights)}, inputs {inputs}"

    def region(self) -> Region:
        from ...oracles.region import Region

        return Region(self.model, self.weights, self.inputs, self.leak)


def read(spec: str) -> PathLifting:
    """The network that a spec names."""
    from ...oracles.models import PathLifting, parse_model

    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def around() -> tuple[tuple[Rational, ...], ...]:
    """Twenty-four inputs all around the origin, off the lines on which the neurons of ``FIRST`` switch."""
    directions = [(x, y) for x in range(-3, 4) for y in range(-3, 4) if max(abs(x), abs(y)) == 3]
    return tuple((x + Fraction(1, 7), y + Fraction(1, 11)) for x, y in directions)


def half_line(n: int, r: int) -> Case:
    """(a): n outputs, r hidden neurons, one input, no biases, all neurons active for x > 0."""
    return Case(read(f"relu:1-{r}-{n}"), tuple(range(1, r + n * r + 1)), ((1,), (2,)))


def two_sides(n: int, r: int) -> Case:
    """The same with inputs of both signs, and neurons of both signs."""
    first = tuple(k if k % 2 else -k for k in range(1, r + 1))
    return Case(read(f"relu:1-{r}-{n}"), (*first, *range(1, n * r + 1)), ((1,), (-1,)))


def deep(second: Sequence[int]) -> Case:
    """(b): 2-3-2-2 with the given second layer."""
    return Case(read("relu:2-3-2-2"), (*FIRST, *second, *LAST), around())


def biased(seed: int) -> Case:
    """(c): 2-3-2-2 with biases and random signs."""
    random = Random(seed)
    model = read("relu:2-3-2-2+bias")
    weights = tuple(Fraction(random.choice((-1, 1)) * random.randint(1, 97), 16) for _ in range(model.parameters))
    inputs = tuple((Fraction(random.randint(-30, 30), 7), Fraction(random.randint(-30, 30), 7)) for _ in range(60))
    return Case(model, weights, inputs)


def report(case: Case, *, certify: bool = True) -> RegionReport:
    """What the data see, decided exactly."""
    from ...oracles.region import seen_by_data

    return seen_by_data(*case.region(), certify=certify)


def shown_cases() -> list[tuple[str, Case]]:
    """The cases of the theory."""
    return [
        ("(a) 1 output, 2 neurons, x > 0", half_line(1, 2)),
        ("(a) 2 outputs, 3 neurons, x > 0", half_line(2, 3)),
        *((f"(b) second layer: {name}", deep(second)) for name, second in SECOND.items()),
        *((f"(c) with biases, draw {seed}", biased(seed)) for seed in DRAWS),
    ]


def derivation() -> Iterator[Step]:
    """The one inclusion that always holds, then the regions where it is strict, each with exact ranks."""
    from ...oracles.proofs import exact_rank
    from ...oracles.region import data_gradients

    yield Step(
        "With the activations fixed, every output is a combination of the coordinates of the path lifting; its "
        "gradient is one of theirs. So laws of phi are laws of g, and what data see has at most the rank of phi.",
        r"W^g \subset W_\phi, \qquad \operatorname{rank} W^g \le D - \#\mathrm{hidden}",
    )
    yield Step(
        "Two neurons of a layer that are active at the same inputs act as two neurons of a linear layer. Let m be "
        "their slope at an input, z the arguments, b the derivatives of an output in their values v = m z: the inner "
        "product of their incoming weights changes by m (z_1 b_2 + z_2 b_1), that of the outgoing ones by v_1 b_2 + "
        "v_2 b_1.",
        r"\langle w^{in}_1, w^{in}_2 \rangle - \langle w^{out}_1, w^{out}_2 \rangle = \mathrm{const}",
        certificate=pair_identity(-1),
    )
    for n, r, laws in ((1, 2, 3), (2, 3, 6)):
        case = half_line(n, r)
        found = report(case)
        yield Step(
            f"(a) One input, no biases, {r} neurons active for x > 0, {n} output{'s' if n > 1 else ''}: the network "
            f"is the linear network on this half line. It has {found.laws_at_least} laws, its path lifting {r}.",
            r"v_j > 0\ \forall j:\quad g(\theta, x) = U v\, x \quad (x > 0)",
            certificate=found.certificate if found.laws_at_least == laws else None,
        )
    for name, second in SECOND.items():
        case = deep(second)
        found = report(case)
        rows = data_gradients(case.region())
        yield Step(
            f"(b) 2-3-2-2 without biases, second layer with {name}: the gradients of both outputs at "
            f"{len(case.inputs)} inputs have rank {found.seen_rank}; the path lifting has {found.path_rank}.",
            certificate=exact_rank(rows),
        )
        reasons = "; ".join(family.says for family in found.extra_laws)
        yield Step(
            f"All laws in this region: {found.laws_at_least}, of which {found.hidden} are laws of the path lifting. "
            + (f"Reason: {reasons}." if reasons else "No more than that."),
            certificate=found.certificate,
        )
    yield Step(
        "A neuron fed by ReLU values through negative weights alone is dead for every input whatsoever, and one fed "
        "through positive weights alone never switches: both happen on open sets of weights, for any data.",
        r"w_j < 0 \Rightarrow \sigma(w_j^\top \sigma(z)) = 0, \qquad "
        r"w_j > 0 \Rightarrow \sigma(w_j^\top \sigma(z)) = w_j^\top \sigma(z)",
    )
    ranks = {seed: report(biased(seed), certify=False).seen_rank for seed in DRAWS}
    best = max(DRAWS, key=lambda seed: ranks[seed])
    full = report(biased(best), certify=False).path_rank
    yield Step(
        f"(c) 2-3-2-2 with biases and random signs: draw {best} has rank {ranks[best]}, and the path lifting has "
        f"{full}. Of {len(ranks)} draws {sum(rank == full for rank in ranks.values())} reach it, the others have rank "
        f"{', '.join(str(rank) for rank in sorted(ranks.values()) if rank < full)}.",
        certificate=exact_rank(data_gradients(biased(best).region())),
    )


def pair_identity(sign: int) -> Certificate:
    """The derivative of the pair balance along the gradient of an output: two inputs, two outputs, everything free.

    Variables: incoming weights a (2 x 2, a column for each neuron), outgoing weights w (2 x 2, a row for each), the
    values x that arrive, the derivatives y of the output in the neurons behind, the slope m.
    """
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    a, w = Matrix.symbols(2, 2, 0), Matrix.symbols(2, 2, 4)
    x, y, m = Matrix.symbols(2, 1, 8), Matrix.symbols(2, 1, 10), symbol(12)
    z, b = a.T @ x, w @ y
    incoming = (x @ b.T).scaled(m)
    outgoing = (z @ y.T).scaled(m)
    left, right = a.T @ incoming, w @ outgoing.T
    total = add(left.rows[0][1], left.rows[1][0], *(multiply(sign, right.rows[i][1 - i]) for i in range(2)))
    return identity(13, [(total, 0)])


def cases() -> SearchStrategy[Case]:
    """Small layered networks and graphs inside a region, weights of all signs or of one sign for each neuron."""
    from hypothesis import strategies as st

    from ..strategies import dags, data_dimensions, initializations, relu_models, vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        model = draw(st.one_of(relu_models(layers=(2, 3), width=(1, 3), parameters=20), dags(hidden=(1, 3))))
        weights = draw(initializations(model, draw(st.sampled_from(("generic", "signed")))))
        inputs, _ = data_dimensions(model)
        drawn = draw(st.lists(vectors(inputs), min_size=1, max_size=6))
        case = Case(model, weights, tuple(drawn))
        kept = tuple(x for x in drawn if inside(Case(model, weights, (x,))))
        return Case(model, weights, kept) if kept else aside(case)

    return draw_case()


def inside(case: Case) -> bool:
    """Whether no neuron is at its kink."""
    from ...oracles.errors import BadInput
    from ...oracles.region import data_gradients

    try:
        data_gradients(case.region())
    except BadInput:
        return False
    return True


def aside(case: Case) -> Case:
    """The case with its first input moved off all kinks."""
    for k in range(1, 50):
        moved = Case(
            case.model, case.weights, (tuple(x + Fraction(1, 10 + k + i) for i, x in enumerate(case.inputs[0])),)
        )
        if inside(moved):
            return moved
    return half_line(1, 2)


def evaluated(law: Any, weights: Sequence[Rational]) -> dict[int, Rational]:
    """The gradient of a law at the weights."""
    return {variable: slope.evaluate(weights) for variable, slope in law.gradient().items()}


def paired(row: Sequence[Rational], slope: Mapping[int, Rational]) -> Fraction:
    """The inner product of a gradient with the gradient of a law."""
    return sum((Fraction(row[k]) * c for k, c in slope.items()), Fraction(0))


def check_inclusion(case: Case) -> Residual:
    """Laws of phi and all extra laws, against all gradients of g; and the rank against D - #hidden."""
    from ...oracles.models import known_laws
    from ...oracles.region import data_gradients

    found = report(case, certify=False)
    gradients = data_gradients(case.region())
    laws = [law for family in known_laws(case.model) for law in family.polynomials()]
    laws += [law for family in found.extra_laws for law in family.polynomials]
    slopes = [evaluated(law, case.weights) for law in laws]
    worst = Fraction(0)
    for slope in slopes:
        worst = max([worst, *(abs(paired(row, slope)) for row in gradients)])
    over = max(0, found.seen_rank - found.path_rank)
    return Residual(worst + over, nontrivial=found.seen_rank > 0, note=f"rank {found.seen_rank} of {found.path_rank}")


def check_count(case: Case) -> Residual:
    """The number of laws of the region, as a certificate says it: at least #hidden, at most D - rank."""
    from ...oracles.kernel import verify

    found = report(case)
    off = max(0, found.hidden - found.laws_at_least) + max(0, found.laws_at_most - found.parameters + found.seen_rank)
    if found.certificate is not None:
        off += not verify(found.certificate).accepted
    return Residual(off, nontrivial=found.complete, note=f"{found.laws_at_least} to {found.laws_at_most} laws")


def check_equal(case: Case) -> Residual:
    """The wrong statement: data see the full rank of the path lifting."""
    found = report(case, certify=False)
    return Residual(found.path_rank - found.seen_rank)


def check_layer(case: Case) -> Residual:
    """The wrong statement: any two neurons of a layer balance each other, as in a linear network."""
    from ...oracles.region import data_gradients, pair_balance

    gradients = data_gradients(case.region())
    worst = Fraction(0)
    for index, group in enumerate(case.model.groups):
        for j, k in combinations(range(group.size if group.role == "hidden" else 0), 2):
            slope = evaluated(pair_balance(case.model, index, j, k), case.weights)
            worst = max([worst, *(abs(paired(row, slope)) for row in gradients)])
    return Residual(worst)


def check_floats(case: Case) -> Residual:
    """The same inner products with gradients and laws in float64, for the extra laws.

    The rounded point is a point like any other, and the laws hold there if its pattern is the drawn one. That is so
    where every argument is further from 0 than rounding reaches: gamma(n) times a bound of its absolute terms, the
    product over all links of 1 + the sum of their weights; other cases are trivial. Bound: gamma(n) times the sum of
    absolute terms, n the roundings along a path through both passes and the terms of the law.
    """
    import numpy as np

    from ...simulations import ReluNetwork
    from ...simulations.fields import gamma

    found = report(case, certify=False)
    network = ReluNetwork(case.model, case.leak)
    point = np.array([float(x) for x in case.weights])
    inputs = np.array([[float(entry) for entry in x] for x in case.inputs]).reshape(len(case.inputs), network.inputs)
    wide = ReluNetwork(case.model, 1)
    unit = gamma(network.roundings + case.model.parameters + 4)
    reach = max(1.0, float(np.abs(inputs).max(initial=0)))
    for block in network.weights(np.abs(point)):
        reach *= 1 + float(block.sum())
    if network.margin(point, inputs) <= 2 * unit * reach:
        return Residual(0.0, 0.0, nontrivial=False)
    gradients = network.jacobian(point, inputs).reshape(-1, case.model.parameters)
    sizes = wide.jacobian(np.abs(point), np.abs(inputs)).reshape(-1, case.model.parameters)
    values, bounds = list[float](), list[float]()
    for law in (law for family in found.extra_laws for law in family.polynomials):
        slope = {k: float(c) for k, c in evaluated(law, [Fraction(x) for x in point]).items()}
        steep = {k: float(c) for k, c in evaluated_sizes(law, [abs(Fraction(x)) for x in point]).items()}
        values.append(max(abs(float(sum(row[k] * c for k, c in slope.items()))) for row in gradients))
        bounds.append(unit / (1 - unit) * max(float(sum(row[k] * c for k, c in steep.items())) for row in sizes))
    return worst_of(values, bounds)


def evaluated_sizes(law: Any, weights: Sequence[Rational]) -> dict[int, Rational]:
    """The gradient with all coefficients in absolute value."""
    return {
        variable: sum((abs(c) * monomial_value(monomial, weights) for monomial, c in slope.terms.items()), 0)
        for variable, slope in law.gradient().items()
    }


def monomial_value(monomial: Sequence[tuple[int, int]], weights: Sequence[Rational]) -> Rational:
    """A product of powers."""
    value: Rational = 1
    for variable, exponent in monomial:
        value *= weights[variable] ** exponent
    return value


def table() -> Table:
    """The cases of the theory, all ranks exact; the numbers of (a) and (b) are those that it states."""
    rows: list[list[str | int]] = []
    for name, case in shown_cases():
        found = report(case)
        dead = ", ".join(neuron.name for neuron in found.neurons if neuron.state == "dead")
        rows.append([name, found.parameters, found.path_rank, found.seen_rank, found.hidden, found.laws_at_least, dead])
    agrees = [row[5] for row in rows[:2]] == [3, 6] and [row[3] for row in rows[2:5]] == [11, 7, 9]
    agrees = agrees and max(found for *_, found, _, _, _ in rows[5:]) == 16
    columns = ("case", "D", "rank of phi", "rank seen", "laws of phi", "laws in the region", "dead")
    return Table("What data see of a ReLU network", columns, rows, agrees)


def random_draws(profile: Profile) -> SimulationResult:
    """How often random weights see everything: exact ranks for networks of growing width, with and without biases."""
    count = (6, 20, 100)[profile.effort]
    widths = (2, 3, 4, 5, 6)
    random = Random(11)
    shares: dict[str, list[tuple[float, float]]] = {"without biases": [], "with biases": []}
    over = 0
    for width in widths:
        for name, spec in (
            ("without biases", f"relu:2-{width}-{width}-2"),
            ("with biases", f"relu:2-{width}-{width}-2+bias"),
        ):
            model = read(spec)
            full = 0
            for _ in range(count):
                weights = tuple(random.choice((-1, 1)) * random.randint(1, 2**20) for _ in range(model.parameters))
                inputs = tuple((random.randint(-(10**6), 10**6), random.randint(-(10**6), 10**6)) for _ in range(60))
                found = report(Case(model, weights, inputs), certify=False)
                full += found.seen_rank == found.path_rank
                over += found.seen_rank_at_most > found.path_rank
            shares[name].append((float(width), full / count))
    plot = Plot(
        "Random networks whose data see everything",
        "width of both hidden layers",
        "share with full rank",
        [Series(name, points) for name, points in shares.items()],
        caption=f"{count} draws each, 60 inputs, ranks exact. In the others data see less than the path lifting shows: "
        "neurons are dead, never switch or switch together, or the inputs are too few.",
    )
    return SimulationResult(Residual(over, note=f"{2 * count * len(widths)} draws"), (plot,))


def frozen_while_training(profile: Profile) -> SimulationResult:
    """Training 2-3-2-2 towards a nearby teacher, the second layer positive: the extra law holds as the others do."""
    import numpy as np

    from ...oracles.models import known_laws
    from ...oracles.region import pair_balance
    from ...simulations import EULER, DataLoss, ReluNetwork, integrate
    from ...simulations.integrators import euler_drift, rounding_drift

    case = deep(SECOND["positive weights"])
    weights = [Fraction(x) / 8 for x in case.weights]
    teacher = [x * Fraction(5 + 3 * k % 5, 7) for k, x in enumerate(weights)]
    network = ReluNetwork(case.model)
    inputs = np.array([list(x) for x in case.inputs], dtype=object)
    field = DataLoss(network, case.inputs, network(np.array(teacher, dtype=object), inputs).tolist())
    extra, first = (pair_balance(case.model, group, 0, 1) for group in (2, 1))
    laws = [*(law for family in known_laws(case.model) for law in family.polynomials()), extra]
    steps = (64, 256, 1024)[profile.effort]
    eta = 0.25 / steps
    path = integrate(field, np.array([float(x) for x in weights]), method=EULER, length=eta, steps=steps)
    gradients = [field(point) for point in path.points[:-1]]
    measured = np.array([float(change(law, path.points[0], path.end)) for law in laws])
    off = float(np.linalg.norm(measured - euler_drift(laws, gradients, eta=eta)))
    bound = rounding_drift(field, laws, path, length=eta)
    marks = sorted({max(1, round(k * steps / 32)) for k in range(1, 33)})

    def drift(law: Any) -> list[tuple[float, float]]:
        return [(k * eta, abs(float(change(law, path.points[0], path.points[k]))) or 1e-20) for k in marks]

    plot = Plot(
        "Inner products of two neurons while training",
        "t",
        "drift",
        (
            Series("second layer, always active: a law", drift(extra)),
            Series("balance of one neuron: a law", drift(laws[0])),
            Series("first layer, switching apart: no law", drift(first)),
        ),
        y_scale="log",
        caption="Laws drift by eta² h(g) a step, as in all gradient descent; the same form on switching neurons moves.",
    )
    moved = abs(float(change(first, path.points[0], path.end)))
    kept = abs(float(change(extra, path.points[0], path.end)))
    end = Case(case.model, tuple(Fraction(float(x)) for x in path.end), case.inputs)
    stayed = "L2" in report(end, certify=False).linear_groups
    note = f"the law moved by {kept:.2g}, the same form in the first layer by {moved:.2g}"
    return SimulationResult(Residual(off if stayed and moved > kept else float("inf"), bound, note=note), (plot,))


def change(law: Any, first: Any, last: Any) -> Rational:
    """The exact change of a law between two float points."""
    before, after = ([Fraction(float(x)) for x in point] for point in (first, last))
    difference: Rational = law.evaluate(after) - law.evaluate(before)
    return difference


def full_rank_claimed() -> Certificate:
    """The claim that the data of the dead neuron see rank 11."""
    from ...oracles.proofs import exact_rank
    from ...oracles.region import data_gradients

    honest = exact_rank(data_gradients(deep(SECOND["a negative second neuron"]).region()))
    claim = honest["claim"]
    assert isinstance(claim, dict)
    return {**honest, "claim": {**claim, "rank": 11}}


def refuted_pair() -> Certificate:
    """The pair balance of a first layer that switches is no law of the map that its data see."""
    from ...oracles.proofs import find_refutation
    from ...oracles.region import pair_balance, region_map

    region = two_sides(1, 2).region()
    found = find_refutation(region_map(region), pair_balance(region.model, 1, 0, 1))
    assert found is not None
    return found.certificate


THEOREM = Theorem(
    id="A1.relu.g-versus-phi",
    title="A ReLU network can have more laws than its path lifting",
    summary="Laws of the path lifting are laws of the network; where neurons are dead or never switch there are more.",
    source="derived; limits of A1.reparametrization",
    status="derived",
    hypotheses=(
        "A ReLU network g(theta, x) of any depth, and data at which no neuron is at its kink.",
        "The region is the open set of weights with the same activations at all data.",
    ),
    statement=r"\{\text{laws of } \phi\} \subseteq \{\text{laws of } g\}, \qquad \operatorname{rank} W^g \le D - "
    r"\#\mathrm{hidden}, \qquad \text{both strict on open sets}",
    assumes=("A1.reparametrization", "A1.relu.path-lifting.count", "A1.independence-and-count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="inclusion",
            says="Laws of phi and extra laws of the region are orthogonal to every gradient of the network, exactly.",
            arithmetic="rational",
            cases=cases,
            check=check_inclusion,
            examples=(half_line(1, 2), half_line(2, 3), *(deep(second) for second in SECOND.values()), biased(1)),
            share=0.3,
        ),
        Property(
            name="number-of-laws",
            says="Regions have #hidden laws or more and at most D minus the rank seen; the kernel accepts the counts.",
            arithmetic="rational",
            cases=cases,
            check=check_count,
            share=0.3,
        ),
        Property(
            name="extra-laws-float64",
            says="In float64 the extra laws are orthogonal to the gradients up to rounding.",
            arithmetic="float64",
            cases=cases,
            check=check_floats,
            share=0.3,
        ),
    ),
    simulations=(
        Simulation(
            "random-draws",
            "Exact ranks of random networks: the rank of the path lifting is never exceeded and often not reached.",
            random_draws,
        ),
        Simulation(
            "frozen-while-training",
            "The inner product of two neurons that never switch is conserved in training like any law.",
            frozen_while_training,
        ),
    ),
    mutants=(
        Mutant(
            name="same-rank",
            says="Data always see the full rank of the path lifting.",
            violates=Property(
                name="same-rank", says="rank W^g = dim W", arithmetic="rational", cases=cases, check=check_equal
            ),
        ),
        Mutant(
            name="every-pair",
            says="Any two neurons of a layer balance each other.",
            violates=Property(
                name="every-pair", says="as in a linear layer", arithmetic="rational", cases=cases, check=check_layer
            ),
        ),
        Mutant(
            name="pair-of-switching-neurons",
            says="Two neurons that switch at different inputs balance each other.",
            refutes=refuted_pair,
        ),
        Mutant(name="sum-of-products", says="The inner products add up.", rejects=lambda: pair_identity(1)),
        Mutant(name="dead-neuron-seen", says="With a dead neuron the data see rank 11.", rejects=full_rank_claimed),
    ),
)
