"""Random cases: architectures, initializations, data and losses as hypothesis strategies, for tests of your own too.

Everything is exact and small, and shrinks to the simplest case of its kind. See docs/strategies.md.

>>> from hypothesis import find
>>> find(linear_models(), lambda model: model.hidden > 1).spec
'linear:1-2-1'
"""

from ._architectures import linear_models as linear_models
from ._architectures import relu_models as relu_models
from ._architectures import widths as widths
from ._dags import dags as dags
from ._data import DataSet as DataSet
from ._data import data_dimensions as data_dimensions
from ._data import data_sets as data_sets
from ._initializations import KINDS as KINDS
from ._initializations import Kind as Kind
from ._initializations import initializations as initializations
from ._losses import OUTPUT_LOSSES as OUTPUT_LOSSES
from ._losses import OutputLoss as OutputLoss
from ._losses import losses as losses
from ._losses import output_losses as output_losses
from ._numbers import choices as choices
from ._numbers import matrices as matrices
from ._numbers import orthogonal as orthogonal
from ._numbers import rationals as rationals
from ._numbers import shown as shown
from ._numbers import signed as signed
from ._numbers import signs as signs
from ._numbers import unit_vectors as unit_vectors
from ._numbers import vectors as vectors
from ._points import is_generic as is_generic
from ._points import stacks as stacks
