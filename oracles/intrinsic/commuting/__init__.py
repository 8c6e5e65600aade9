"""Commuting parametrizations and the potential of their mirror flow."""
