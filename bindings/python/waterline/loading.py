# SPDX-License-Identifier: Apache-2.0
"""Where a checkpoint is, and what the arguments of from_pretrained mean for the engine."""

from __future__ import annotations

import os
import warnings

from waterline import errors

DEFAULT_MODEL = "waterline-tiny-en"

_DTYPES = {
    "float32": "f32",
    "fp32": "f32",
    "float": "f32",
    "bfloat16": "bf16",
    "float16": "f16",
    "fp16": "f16",
    "half": "f16",
    "tfloat32": "tf32",
}
_ENGINE_DTYPES = ("f32", "bf16", "f16", "tf32", "int8", "auto", "default")


class Config:
    """The keys of gliner_config.json as attributes."""

    def __init__(self, values: dict):
        self.__dict__.update(values)

    def __getattr__(self, key: str):
        raise AttributeError(f"gliner_config.json has no key {key!r}")

    def to_dict(self) -> dict:
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return f"Config({self.__dict__})"


class Checkpoint:
    """A directory with a model."""

    def __init__(self, directory: str):
        self.directory = directory
        self._config: Config | None = None

    @property
    def config(self) -> Config:
        if self._config is None:
            self._config = Config(_read_config(self.directory))
        return self._config

    def refuse_overrides(self, **overrides) -> None:
        """Raises where a key of the config should be another than it is."""
        for key, value in overrides.items():
            if value is None or value == getattr(self.config, key, None):
                continue
            raise errors.Unsupported(
                f"{key} is {getattr(self.config, key, None)} in {self.directory}, and cannot be "
                f"{value} for one load; write it to the gliner_config.json of a copy"
            )


def _read_config(directory):
    import json

    path = os.path.join(directory, "gliner_config.json")
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except FileNotFoundError:
        raise errors.NotFound(f"there is no {path}") from None
    except ValueError as error:
        raise errors.BadModel(f"{path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise errors.BadModel(f"{path} is not a JSON object")
    return values


def locate(
    model_id,
    *,
    revision=None,
    cache_dir=None,
    force_download=False,
    local_files_only=False,
    token=None,
) -> Checkpoint:
    """The checkpoint `model_id`: a directory, a hub id, or None or "" for the default model."""
    if model_id is None or model_id == "" or model_id == DEFAULT_MODEL:
        return Checkpoint(default_model())
    name = os.fspath(model_id)
    if not isinstance(name, str):
        raise TypeError(f"model_id is of type {type(model_id).__name__}, expected str or a path")
    if os.path.isdir(name):
        return Checkpoint(os.path.abspath(name))
    from waterline import hub

    return Checkpoint(
        hub.snapshot(
            name,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
    )


def default_model() -> str:
    """The directory of the model that ships with the package."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "models", DEFAULT_MODEL)


def engine_options(*, dtype=None, quantize=None, device=None, **others) -> dict:
    """The options of the engine that are set."""
    options = {name: value for name, value in others.items() if value is not None}
    if options.get("splitter") == "model":
        del options["splitter"]
    if quantize is not None:
        if quantize != "int8":
            raise ValueError(f'quantize is {quantize!r}, expected "int8"; dtype= has other types')
        if dtype is not None and read_dtype(dtype) != "int8":
            raise ValueError(f'quantize="int8" and dtype={dtype!r} contradict each other')
        dtype = "int8"
    if dtype is not None:
        options["dtype"] = read_dtype(dtype)
    if device is not None:
        options["device"] = read_device(device)
    return options


def read_dtype(dtype) -> str:
    """The engine's name of a type, given by any of its names or as torch.dtype."""
    name = str(dtype).lower()
    if name.startswith("torch."):
        name = name[len("torch.") :]
    name = _DTYPES.get(name, name)
    if name not in _ENGINE_DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(_ENGINE_DTYPES)}")
    return name


def read_device(device) -> str:
    """The engine's name of a device, given by its name, as torch.device or as index of a GPU."""
    if isinstance(device, bool):
        raise TypeError("device is of type bool, expected str")
    if isinstance(device, int):
        return f"cuda:{device}"
    return str(device)


def warn_ignored(**given) -> None:
    """Warns of arguments without effect from which something could be expected."""
    for name in ("load_onnx_model", "runtime", "variant"):
        if given.get(name):
            warnings.warn(
                f"{name}={given[name]!r} has no effect: Waterline runs model.safetensors or "
                "pytorch_model.bin itself",
                UserWarning,
                stacklevel=3,
            )
