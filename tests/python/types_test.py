# SPDX-License-Identifier: Apache-2.0
"""What type checkers see of the package."""

import pathlib
import subprocess
import sys

import waterline

PACKAGE = pathlib.Path(waterline.__file__).parent


def mypy(*arguments, cwd):
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", "/dev/null", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    return run.stdout


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()
    assert (PACKAGE / "_engine.pyi").exists()


def test_the_package_agrees_with_its_types(tmp_path):
    assert "Success" in mypy("-p", "waterline", cwd=tmp_path)


def test_code_of_users_is_checked(tmp_path):
    (tmp_path / "program.py").write_text(
        "from waterline import GLiNER\n"
        'model = GLiNER.from_pretrained(memory_budget="1GiB")\n'
        'reveal_type(model.predict_entities("Ada", ["person"]))\n'
        "GLiNER.from_pretrained(memory_budget=1.5)\n"
    )
    said = mypy("program.py", cwd=tmp_path)
    assert "Revealed type is" in said and "dict[" in said
    assert 'Argument "memory_budget"' in said and "Found 1 error" in said


def test_code_that_asks_servers_is_checked(tmp_path):
    (tmp_path / "program.py").write_text(
        "from waterline import AsyncClient, Client\n"
        'reveal_type(Client().predict_entities("Ada", ["person"]))\n'
        'reveal_type(AsyncClient().redact(["Ada"], ["person"]))\n'
        'Client().inference(["Ada"], ["person"], model=5)\n'
    )
    said = mypy("program.py", cwd=tmp_path)
    assert said.count("Revealed type is") == 2 and "Coroutine[" in said
    # The other error is the coroutine that nobody awaits.
    assert 'Argument "model"' in said and "unused-coroutine" in said and "Found 2 errors" in said


def test_code_of_data_pipelines_is_checked(tmp_path):
    (tmp_path / "program.py").write_text(
        "import waterline.ray\n"
        "import waterline.spark\n"
        'reveal_type(waterline.ray.memory_of("1GiB"))\n'
        'waterline.ray.extract(None, ["person"], memory_budget="1GiB", threshold=0.3)\n'
        'waterline.ray.extract(None, ["person"], memory_budget=1.5)\n'
        'waterline.ray.Extractor(["person"])\n'
        'waterline.spark.extract(None, ["person"], memory_budget=1, text_column=5)\n'
        'waterline.spark.Extractor(["person"], memory_budget=1, threads="2").schema(None)\n'
    )
    said = mypy("--no-implicit-reexport", "program.py", cwd=tmp_path)
    assert 'Revealed type is "builtins.int"' in said or 'Revealed type is "int"' in said
    for wrong in ("memory_budget", "text_column", "threads"):
        assert f'Argument "{wrong}" to' in said
    assert 'Missing named argument "memory_budget" for "Extractor"' in said
    assert "Found 4 errors" in said


def test_the_stub_has_what_the_module_has():
    stub = (PACKAGE / "_engine.pyi").read_text()
    for name, value in vars(waterline._engine).items():
        if name.startswith("__"):
            continue
        assert f"class {name}:" in stub or f"def {name}(" in stub, name
        if isinstance(value, type):
            for member in vars(value):
                if not member.startswith("_"):
                    assert f"def {member}(" in stub, f"{name}.{member}"
