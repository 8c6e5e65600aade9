"""Expressions such as ``trace(U1.T*U1 - U2*U2.T)``: parsed by a small grammar, never run as code."""

from ._evaluate import evaluate as evaluate
from ._matrix import Matrix as Matrix
from ._parser import parse as parse
from ._syntax import FUNCTIONS as FUNCTIONS
from ._syntax import Expression as Expression
from ._tex import expression_tex as expression_tex
