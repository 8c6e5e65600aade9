"""Makers of certificates: what a derivation, a conjecture or a table hands to the kernel.

Nothing made here is believed before ``kernel.verify`` has accepted it.
"""

from ._identities import Matrix as Matrix
from ._identities import Node as Node
from ._identities import add as add
from ._identities import identity as identity
from ._identities import multiply as multiply
from ._identities import power as power
from ._identities import subtract as subtract
from ._identities import symbol as symbol
from ._identities import values as values
from ._intrinsic import inclusion as inclusion
from ._intrinsic import two_points as two_points
from ._intrinsic import violation as violation
from ._laws import Refutation as Refutation
from ._laws import conserved as conserved
from ._laws import find_refutation as find_refutation
from ._ranks import exact_rank as exact_rank
from ._ranks import kernel_vectors as kernel_vectors
