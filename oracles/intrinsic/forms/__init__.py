"""Closed forms of reduced flows, one family of models a module.

Each module has ``closed_form(model, point) -> ClosedForm | None``: None for a model that it is not about, and
``NotClaimed`` with the missing hypothesis for a point that the theory does not cover. A new form is a new module.
"""
