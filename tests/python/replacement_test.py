# SPDX-License-Identifier: Apache-2.0
"""Waterline in the place of the package gliner. In processes of their own: it changes imports."""

import subprocess
import sys
import textwrap


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_gliner_gives_this_package():
    assert (
        run(
            """
        import waterline
        waterline.install_as_gliner(memory_budget="256MiB")
        import importlib.util
        import gliner
        from gliner import GLiNER, GLiNERConfig
        from gliner.model import GLiNER as Same
        assert GLiNER is Same and issubclass(GLiNER, waterline.GLiNER)
        assert GLiNER.__name__ == "GLiNER"
        assert importlib.util.find_spec("gliner") is not None
        assert gliner.__version__ == "0.2.29"
        model = GLiNER.from_pretrained("waterline-tiny-en", map_location="cpu").to("cpu").eval()
        assert isinstance(model, GLiNER)
        print(model.stats()["memory_budget"])
        for entity in model.predict_entities("Ada Lovelace lived in London.", ["person"]):
            print(entity["text"])
        print(GLiNER.from_pretrained(memory_budget="300MiB").stats()["memory_budget"] >> 20)
        """
        )
        == "268435456\nAda Lovelace\n300\n"
    )


def test_it_can_be_installed_again():
    assert (
        run(
            """
        import waterline
        waterline.install_as_gliner()
        waterline.install_as_gliner(memory_budget="256MiB")
        import gliner
        print(gliner.GLiNER.from_pretrained().stats()["memory_budget"] >> 20)
        """
        )
        == "256\n"
    )


def test_models_keep_their_special_classes():
    assert (
        run(
            """
        import pickle, pathlib, waterline
        waterline.install_as_gliner(memory_budget="64MiB")
        from gliner import GLiNER
        from waterline.relations import RelationGLiNER
        models = pathlib.Path("tests/golden/models")
        model = GLiNER.from_pretrained(models / "rs_dot" / "checkpoint")
        assert isinstance(model, GLiNER) and isinstance(model, RelationGLiNER)
        assert model.predict_relations("Ada", ["person"], ["knows"])[1] == []
        print(type(pickle.loads(pickle.dumps(model))))
        """
        )
        == "<class 'waterline.relations.RelationGLiNER'>\n"
    )


def test_an_imported_gliner_is_not_replaced():
    assert run(
        """
        import sys, types, waterline
        sys.modules["gliner"] = types.ModuleType("gliner")
        try:
            waterline.install_as_gliner()
        except RuntimeError as error:
            print(error)
        """
    ).startswith("gliner is imported already")
