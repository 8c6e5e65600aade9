"""Path liftings: squares of weights from paths and laws, and which neurons depend on each other."""
