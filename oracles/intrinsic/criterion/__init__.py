"""The kernel criterion at a point: phi, the laws and the metric there, exactly, and the directions that decide."""
