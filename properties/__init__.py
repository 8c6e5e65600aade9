"""Random cases and the lawbook: what the theory says, held against what is computed.

``theorems()`` lists the lawbook, ``run_theorem`` produces the evidence of one entry, and ``strategies`` has the random
architectures, initializations, data and losses, which users may import for tests of their own.
"""

from ._lawbook import find as find
from ._lawbook import theorems as theorems
from ._profiles import PROFILES as PROFILES
from ._profiles import Profile as Profile
from ._theorem import CaseKind as CaseKind
from ._theorem import CaseMap as CaseMap
from ._theorem import Mutant as Mutant
from ._theorem import Panel as Panel
from ._theorem import Plot as Plot
from ._theorem import Property as Property
from ._theorem import Residual as Residual
from ._theorem import Series as Series
from ._theorem import Simulation as Simulation
from ._theorem import SimulationResult as SimulationResult
from ._theorem import Skipped as Skipped
from ._theorem import Step as Step
from ._theorem import Table as Table
from ._theorem import Theorem as Theorem
