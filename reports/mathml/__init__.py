"""Formulas as MathML: the lawbook's from a table made at development time, the others from a printer of ours."""

from ._table import collect_formulas as collect_formulas
from ._table import load_table as load_table
from ._table import mathml as mathml
from ._table import split_prose as split_prose
from .printer import formula as formula
from .printer import matrix as matrix
from .printer import polynomial as polynomial
