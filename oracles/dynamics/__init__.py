"""Discrete optimizers as exact maps, and the identities that their charges obey, as data.

**Leaves.** A point is a tuple of *leaves*, one for each parameter tensor. A leaf is a number (``int``, ``Fraction``,
``float``), a ``Vector`` of exact numbers, a numpy array or a torch tensor; everything is entry by entry. With exact
numbers every residual below is exactly 0.

**Optimizers** are frozen dataclasses with a method ``update(theta, gradient, slot) -> (theta', slot')`` for one tensor:
``SGD``, ``SGDW``, ``Adam``, ``AdamW``, ``RMSprop``, ``Adagrad``, ``SAM``, ``Span`` (L-BFGS and all steps in the span of
gradients), ``SignSGD``; ``Grouped(groups, members)`` gives tensors different ones. Gradients are without weight decay.
``step`` makes one step of all tensors (a gradient None skips its tensor), ``run`` a whole run; a list of optimizers is
a schedule. The square roots of the adaptive ones are exact over rational numbers or raise ``NoExactRoot``;
``root=rational_root`` keeps a run rational, floats round. Transforms of gradients (``ClipGlobalNorm``,
``ClipEachTensor``, ``ClipValue``, ``Scale``, ``Accumulate``, ``AddNoise``, ``Stale``) are called on gradients.

**Moments.** ``run`` gives ``Moment(index, parameters, optimizer, gradients, state, asked)`` for every k, the last one
without optimizer and gradients; ``state`` is before the step. ``run(...)[i : i + steps + 1]`` is the window of an
identity. Who records only weights makes moments without gradients and state.

**Charges**: ``Translation({tensor: covector})``, ``Signed({tensor: weight})`` for ``sum w |theta_i|^2``,
``Affine(entries, constant)`` for any ``M theta + c0`` on the flat coordinates, ``charge_of(polynomial)`` for a law of a
model.

**Laws.** ``laws()``, ``find_law(name)``, ``laws_of(optimizer, kind)``, ``without_law(optimizer, kind)``. A ``Law`` says
what it needs (``weights``, ``gradient`` or ``state``), how many ``steps``, and has

* ``obstacle(window, charge)``: why it does not apply, or ``""``;
* ``residual(window, charge)``: left minus right, 0 for a symmetry;
* ``predicted(window, charge)``: what the residual is when gradients are not orthogonal, exactly;
* ``sides(View(window, charge))``: both sides.

``derive(law, kind)`` runs the optimizer's own code on free symbols and gives the kernel certificate of
``left - right = defect``. ``magnitude(law, window, charge)`` is the sum of absolute terms, for bounds on rounding.
``survival_table()`` and ``transform_table()`` are made from this data.

A new optimizer is a new module in ``optimizers/`` with its ``ENTRY``.

>>> from fractions import Fraction
>>> sgd = SGD(lr=Fraction(1, 10), momentum=Fraction(1, 2))
>>> moments = run([sgd] * 2, (2, 1), lambda k, p: ((p[0] * p[1] - 1) * p[1], (p[0] * p[1] - 1) * p[0]))
>>> balance = Signed({0: 1, 1: -1})
>>> str(balance.pair(moments[2].parameters, moments[2].parameters))
'1136277/390625'
>>> print(find_law("hb-two-step.quadratic").residual(moments, balance))
0
"""

from ._catalogue import entries as entries
from ._catalogue import find_law as find_law
from ._catalogue import laws as laws
from ._catalogue import laws_of as laws_of
from ._catalogue import without_law as without_law
from ._charges import Affine as Affine
from ._charges import Charge as Charge
from ._charges import Kind as Kind
from ._charges import Signed as Signed
from ._charges import Translation as Translation
from ._charges import affine as affine
from ._charges import charge_of as charge_of
from ._formal import Formal as Formal
from ._formal import FormalCharge as FormalCharge
from ._formal import Scalar as Scalar
from ._formal import Symbols as Symbols
from ._formal import derive as derive
from ._formal import equal as equal
from ._formal import formal_window as formal_window
from ._laws import Entry as Entry
from ._laws import Law as Law
from ._laws import Needs as Needs
from ._laws import NoLaw as NoLaw
from ._laws import View as View
from ._leaves import Leaf as Leaf
from ._leaves import Leaves as Leaves
from ._leaves import NoExactRoot as NoExactRoot
from ._leaves import Number as Number
from ._leaves import Vector as Vector
from ._leaves import coordinates as coordinates
from ._leaves import dot as dot
from ._leaves import rational_root as rational_root
from ._leaves import root as root
from ._runs import Gradients as Gradients
from ._runs import Grouped as Grouped
from ._runs import Moment as Moment
from ._runs import Optimizer as Optimizer
from ._runs import Window as Window
from ._runs import run as run
from ._runs import step as step
from ._sizes import Sized as Sized
from ._sizes import magnitude as magnitude
from ._table import cell_law as cell_law
from ._table import survival_table as survival_table
from ._transforms import TRANSFORMS as TRANSFORMS
from ._transforms import Accumulate as Accumulate
from ._transforms import AddNoise as AddNoise
from ._transforms import ClipEachTensor as ClipEachTensor
from ._transforms import ClipGlobalNorm as ClipGlobalNorm
from ._transforms import ClipValue as ClipValue
from ._transforms import Scale as Scale
from ._transforms import Stale as Stale
from ._transforms import Use as Use
from ._transforms import transform_table as transform_table
from .optimizers._heavy_ball_laws import propagators as propagators
from .optimizers.adagrad import Adagrad as Adagrad
from .optimizers.adagrad import AdagradSlot as AdagradSlot
from .optimizers.adam import Adam as Adam
from .optimizers.adam import AdamSlot as AdamSlot
from .optimizers.adam import AdamW as AdamW
from .optimizers.rmsprop import RMSprop as RMSprop
from .optimizers.rmsprop import RMSpropSlot as RMSpropSlot
from .optimizers.sam import SAM as SAM
from .optimizers.sgd import SGD as SGD
from .optimizers.sgdw import SGDW as SGDW
from .optimizers.signs import SignSGD as SignSGD
from .optimizers.span import Span as Span
