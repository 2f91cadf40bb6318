# SPDX-License-Identifier: Apache-2.0
"""Waterline in the place of the package gliner."""

from __future__ import annotations

import sys
import types

# The version of gliner whose calls and answers are reproduced.
REFERENCE_VERSION = "0.2.29"


def install_as_gliner(**options) -> None:
    """Makes `import gliner` give this package, so that code written for gliner runs unchanged.

    Args:
        options: Of GLiNER.from_pretrained, for every model that such code loads and does not set
            them itself: memory_budget="1GiB", truncate=True.

    Raises RuntimeError if another gliner is imported already.
    """
    from importlib.machinery import ModuleSpec

    from waterline.gliner import GLiNER
    from waterline.loading import Config

    present = sys.modules.get("gliner")
    if present is not None and not getattr(present, "__waterline__", False):
        raise RuntimeError(
            "gliner is imported already; call waterline.install_as_gliner() before it is"
        )

    class Replacement(GLiNER):
        _sent_as = GLiNER

        @classmethod
        def from_pretrained(cls, *args, **kwargs):
            return super().from_pretrained(*args, **{**options, **kwargs})

    Replacement.__name__ = Replacement.__qualname__ = "GLiNER"
    package = types.ModuleType("gliner", "Waterline in the place of gliner.")
    model = types.ModuleType("gliner.model", package.__doc__)
    vars(model).update(GLiNER=Replacement, __spec__=ModuleSpec("gliner.model", None))
    vars(package).update(
        GLiNER=Replacement,
        GLiNERConfig=Config,
        InferencePackingConfig=InferencePackingConfig,
        model=model,
        __path__=[],
        __spec__=ModuleSpec("gliner", None, is_package=True),
        __version__=REFERENCE_VERSION,
        __waterline__=True,
    )
    sys.modules["gliner"] = package
    sys.modules["gliner.model"] = model


class InferencePackingConfig:
    """Accepted and of no effect: texts are always packed without padding."""

    def __init__(self, **settings):
        self.__dict__.update(settings)
