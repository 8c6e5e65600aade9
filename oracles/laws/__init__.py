"""Polynomial conservation laws of a model, all of one degree, exactly. Method and proofs: docs/polynomial-laws.md."""

from ._evaluate import functional_rank as functional_rank
from ._laws import RULES as RULES
from ._laws import polynomial_laws as polynomial_laws
from ._laws import up_to as up_to
from ._result import PolynomialLaws as PolynomialLaws
from ._rule import Answer as Answer
from ._rule import Rule as Rule
from ._sampled import sampled_quadratic_bound as sampled_quadratic_bound
