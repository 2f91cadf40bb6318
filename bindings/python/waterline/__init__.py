# SPDX-License-Identifier: Apache-2.0
"""Zero-shot entity recognition with GLiNER models, inside a memory budget.

    from waterline import GLiNER

    model = GLiNER.from_pretrained("urchade/gliner_small-v2.1", memory_budget="1GiB")
    model.predict_entities("Ada Lovelace lived in London.", ["person", "city"])

The class answers as that of the package gliner does; docs/python.md says what differs.
Client and AsyncClient ask a server, `waterline serve`; they need httpx (waterline[client]).
"""

from waterline import errors
from waterline._engine import MemoryBudget
from waterline.gliner import GLiNER
from waterline.replacement import install_as_gliner

TYPE_CHECKING = False  # That of typing, without its import.
if TYPE_CHECKING:
    from waterline.client import AsyncClient as AsyncClient
    from waterline.client import Client as Client

__version__ = "0.1.0"

__all__ = ["GLiNER", "MemoryBudget", "__version__", "errors", "install_as_gliner"]


def __getattr__(name: str):
    if name not in ("AsyncClient", "Client"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import waterline.client  # Not before it is used: it imports httpx.

    return getattr(waterline.client, name)
