"""One module an optimizer, each with one ``ENTRY``; a new module is found by itself."""
