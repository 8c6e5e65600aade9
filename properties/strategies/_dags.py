"""Path liftings of random directed acyclic graphs."""

from __future__ import annotations

from hypothesis import strategies as st

from ...oracles.models import Group, PathLifting


@st.composite
def dags(draw: st.DrawFn, *, hidden: tuple[int, int] = (1, 4), size: int = 2, density: int = 2) -> PathLifting:
    """Networks on random graphs: one or two inputs, hidden groups, one or two outputs, sometimes a source of biases.

    Every group lies on a path from a source to an output, as ``PathLifting`` asks for. They shrink to ``x -> h1 -> y``.

    Args:
        hidden: the least and the largest number of hidden groups.
        size: the largest size of a group.
        density: at most this many links are drawn into a group, besides those that keep every group on a path.
    """
    inputs, inner, outputs = draw(st.integers(1, 2)), draw(st.integers(*hidden)), draw(st.integers(1, 2))
    groups = [Group(f"x{i}" if inputs > 1 else "x", draw(st.integers(1, size)), "source") for i in range(inputs)]
    groups += [Group(f"h{i + 1}", draw(st.integers(1, size)), "hidden") for i in range(inner)]
    groups += [Group(f"y{i}" if outputs > 1 else "y", draw(st.integers(1, size)), "output") for i in range(outputs)]
    first_output = inputs + inner
    links: set[tuple[int, int]] = set()
    for target in range(inputs, len(groups)):
        earlier = st.integers(0, min(target, first_output) - 1)
        links |= {(a, target) for a in draw(st.lists(earlier, min_size=1, max_size=density, unique=True))}
    for origin in range(first_output):
        if not any(a == origin for a, _ in links):
            links.add((origin, draw(st.integers(max(origin + 1, inputs), len(groups) - 1))))
    biased = draw(st.sets(st.integers(inputs, len(groups) - 1), max_size=2))
    if biased:
        groups.insert(0, Group("one", 1, "source"))
        links = {(a + 1, b + 1) for a, b in links} | {(0, b + 1) for b in biased}
    return PathLifting(tuple(groups), tuple(sorted(links)))
