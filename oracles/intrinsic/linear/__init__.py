"""Linear networks: which initializations of two layers are intrinsic, and relaxed balance at any depth."""
