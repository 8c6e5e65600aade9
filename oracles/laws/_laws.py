"""All polynomial laws of a model: by a theorem where there is one, by an exact search otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadInput
from ..models import Model
from ..polynomials import Polynomial
from ._deep_linear import deep_linear
from ._flat import FlatMap, flatten
from ._path_lifting import path_lifting
from ._products import new_generators
from ._result import PolynomialLaws
from ._rule import Answer, Rule
from ._solve import check_size, solve

DEGREE = 20
"""The highest degree of a search."""

RULES: tuple[Rule, ...] = (deep_linear, path_lifting)


def polynomial_laws(model: Model, degree: int, *, rules: Sequence[Rule] = RULES) -> PolynomialLaws:
    """ALL polynomial laws of ``degree``: a basis over Q of the h with ``<grad h, grad phi_i> = 0`` for all i, proved.

    Source: A1.alg.polynomial-laws. Where no rule applies, the laws are the kernel over Q of a sparse integer system,
    and each of them is expanded once more as an identity. With ``rules=()`` there is only this search.

    What it does not tell: how many of the laws are functionally independent (``functional_rank``), and laws that are
    not polynomial, or of higher degree.

    >>> from flowlaw.oracles.models import parse_model
    >>> laws = polynomial_laws(parse_model("linear:1-3-2"), 3)
    >>> laws.kernel_dimension, len(laws.new_generators), len(laws.basis[0].terms)
    (1, 1, 6)

    Raises:
        BadInput: ``degree`` is not between 1 and 20.
        TooLarge: the laws or the system do not fit into memory; said before the work starts.
    """
    return up_to(model, degree, rules=rules)[-1]


def up_to(model: Model, degree: int, *, rules: Sequence[Rule] = RULES) -> list[PolynomialLaws]:
    """The laws of degree 1, 2, ..., ``degree``, each as ``polynomial_laws`` returns them.

    Raises:
        BadInput: ``degree`` is not between 1 and 20.
        TooLarge: the laws or the system of one of the degrees do not fit into memory.
    """
    if not 1 <= degree <= DEGREE:
        raise BadInput(f"Polynomial laws are searched in degrees 1 to {DEGREE}, not {degree}. Ask for one of these.")
    lower: list[tuple[int, Polynomial]] = []
    found: list[PolynomialLaws] = []
    flat: FlatMap | None = None
    last = _by_rule(model, degree, rules)
    if last is None:
        flat = flatten(model.coordinates(), model.parameters)
        check_size(flat, degree, model.spec)
    for k in range(1, degree + 1):
        answer = last if k == degree else _by_rule(model, k, rules)
        if answer is None:
            flat = flat or flatten(model.coordinates(), model.parameters)
            answer = _search(model.spec, flat, k, lower)
        lower += [(k, law) for law in answer.new_generators]
        found.append(
            PolynomialLaws(
                model=model.spec,
                parameters=model.parameters,
                degree=k,
                homogeneous=flat is None or flat.homogeneous,
                kernel_dimension=len(answer.basis),
                basis=answer.basis,
                new_generators=answer.new_generators,
                proof=answer.proof,
            )
        )
    return found


def _by_rule(model: Model, degree: int, rules: Sequence[Rule]) -> Answer | None:
    return next((answer for rule in rules if (answer := rule(model, degree)) is not None), None)


def _search(name: str, flat: FlatMap, degree: int, lower: Sequence[tuple[int, Polynomial]]) -> Answer:
    solution = solve(flat, degree, name)
    new = new_generators(solution.laws, lower, degree, flat.parameters, exact_degree=flat.homogeneous, name=name)
    return Answer(
        solution.laws,
        new,
        f"kernel over Q of a system of {solution.items} entries in {solution.unknowns} unknowns; "
        "each law expanded as an identity",
    )
