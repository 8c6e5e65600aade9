"""The part everybody has to trust: exact integers and rationals, nothing else.

Imports the standard library and numpy's integers only, and shares no arithmetic with what finds laws. ``verify`` takes
a certificate as parsed JSON, ``verify_text`` as it stands in a file; both answer with a ``Judgement`` and never raise.
"""

from ._claims import Judgement as Judgement
from ._claims import verify as verify
from ._claims import verify_text as verify_text
