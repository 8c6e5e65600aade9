"""The answers: how verdicts are reached, the two points of a refutation, and how all of it is told."""
