# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the Hugging Face hub: those of the local cache, or fetched by huggingface_hub."""

from __future__ import annotations

import os

from waterline import _engine, errors


def snapshot(name, *, revision, cache_dir, force_download, local_files_only, token) -> str:
    """The directory of a snapshot. Fetched only where it is not there and may be fetched."""
    missing = None
    if not force_download:
        try:
            return _cached(name, revision, cache_dir)
        except errors.NotFound as error:
            missing = error
    fetch = None if local_files_only else _fetcher()
    if fetch is None:
        if missing is None:
            raise errors.Unsupported(
                "force_download needs the package huggingface_hub, and not local_files_only"
            )
        raise missing
    return fetch(
        name, revision=revision, cache_dir=cache_dir, force_download=force_download, token=token
    )


def _cached(name, revision, cache_dir):
    return _engine.locate(
        f"{name}@{revision}" if revision else name,
        None if cache_dir is None else os.fspath(cache_dir),
    )


def _fetcher():
    try:
        from huggingface_hub import snapshot_download  # type: ignore[import-not-found]
    except ImportError:
        return None
    return snapshot_download
