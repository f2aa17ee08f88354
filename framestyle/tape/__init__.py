"""What a step does to tensors, written down once and done again without what led to it.

On a small picture a tenth of a step or more goes into finding out what to do next: Python,
autograd, the choice of how a layer is run. A tape is a function of the operations alone, way back
included, in the order in which torch's dispatcher saw them. It gives the same bits.
"""

from framestyle.tape.workspace import Workspace
from framestyle.tape.writing import aside, taped

__all__ = ["Workspace", "aside", "taped"]
