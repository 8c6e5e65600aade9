"""The lawbook: one module an entry, each with one `THEOREM`."""
