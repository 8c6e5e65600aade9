"""flowlaw: what the training of a neural network must conserve, derived exactly and checked.

The rooms, from left to right (nothing imports to its right):

* ``flowlaw.oracles``: models, laws, certificates and the kernel that checks them; exact arithmetic only.
* ``flowlaw.simulations``: trajectories of the models, from exact rational steps to batched floats.
* ``flowlaw.properties``: random cases, and the lawbook that joins theorems with their checks.
* ``flowlaw.reports``: pages and files made from evidence.

Importing the root loads none of them.
"""

__version__ = "0.1.0"
