"""The sizes at which a request is refused before any memory is taken."""

WIDTH = 100_000
"""The largest size of a layer, group, filter or block side."""

LAYERS = 64
"""The largest number of layers or filters of a layered model."""

GROUPS = 1_000
"""The largest number of groups of a DAG."""

LINKS = 20_000
"""The largest number of links of a DAG."""

NAME_CHARACTERS = 20
"""The longest name of a group or a block."""

PARAMETERS = 1_000_000_000
"""The largest number of parameters of a model; such models are numbers, never arrays."""

ACTIVATION_DEGREE = 20
"""The largest degree p of a homogeneous activation t^p."""

COORDINATE_TERMS = 2_000_000
"""The largest number of terms that the coordinates of a model may have when they are written out."""

LAW_TERMS = 2_000_000
"""The largest number of terms that a family of known laws may have when it is written out."""

SPEC_CHARACTERS = 1_000_000
"""The longest model specification."""

FILE_BYTES = 1_000_000
"""The largest model file."""

EXPRESSION_CHARACTERS = 10_000
"""The longest expression."""

EXPRESSION_NESTING = 100
"""The deepest nesting of an expression: parentheses, signs and postfix operators all count."""

EXPRESSION_DEGREE = 50
"""The largest exponent and the largest degree of an expression."""

EXPRESSION_WORK = 2_000_000
"""The largest number of term products, copies and sums that one expression may cost."""

COEFFICIENT_BITS = 10_000
"""The longest numerator or denominator that an expression may produce."""

DETERMINANT = 6
"""The largest side of a matrix whose determinant is expanded."""
