# SPDX-License-Identifier: Apache-2.0
"""Zero-shot entity recognition with GLiNER models, inside a memory budget.

    from waterline import GLiNER

    model = GLiNER.from_pretrained("urchade/gliner_small-v2.1", memory_budget="1GiB")
    model.predict_entities("Ada Lovelace lived in London.", ["person", "city"])

The class answers as that of the package gliner does; docs/python.md says what differs.
"""

from waterline import errors
from waterline._engine import MemoryBudget
from waterline.gliner import GLiNER
from waterline.replacement import install_as_gliner

__version__ = "0.1.0"

__all__ = ["GLiNER", "MemoryBudget", "__version__", "errors", "install_as_gliner"]
