"""Models: named parameter blocks and the polynomial map through which every loss sees them."""

from ._base import Block as Block
from ._base import Model as Model
from ._dag import from_chains as from_chains
from ._graph import Group as Group
from ._graph import Role as Role
from ._laws import LawFamily as LawFamily
from ._laws import known_laws as known_laws
from ._layered import layered as layered
from ._linear import DeepLinear as DeepLinear
from ._names import block_tex as block_tex
from ._names import law_tex as law_tex
from ._names import law_text as law_text
from ._names import parameter_name as parameter_name
from ._parse import KINDS as KINDS
from ._parse import parse_model as parse_model
from ._paths import PathLifting as PathLifting
from ._polynomial_map import Mask as Mask
from ._polynomial_map import PolynomialMap as PolynomialMap
from ._polynomial_map import Recipe as Recipe
from ._symmetric import Symmetric as Symmetric
