"""LUMirage: evaluate deformable image registration on BIDS datasets under identical conditions.

What scripts and notebooks need is here by name, and loaded when it is first asked for; ``__init__.pyi`` lists it.

Examples
--------
>>> import lumirage_bids as lm
>>> lm.method("greedy").step
0.75
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
