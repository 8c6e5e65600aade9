"""Exact models, laws, certificates and the kernel that checks them. No floating point decides anything here."""
