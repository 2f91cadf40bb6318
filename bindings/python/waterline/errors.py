# SPDX-License-Identifier: Apache-2.0
"""What can go wrong. Every exception of the engine is an Error and the built-in kind that fits."""

from __future__ import annotations


class Error(Exception):
    """An error of the engine. The message names the thing, both values, and what would do."""

    # Index of the text that was refused, in the texts of the call; None if it is about the call.
    text: int | None = None

    # Of a server's answer, else None: its HTTP status (of one text of several, that of a request
    # for this text alone), the field that cannot be used as a JSON pointer, and the id under which
    # the server's log has the request.
    status: int | None = None
    field: str | None = None
    request_id: str | None = None


class InvalidArgument(Error, ValueError):
    """A text, label or option that cannot be used."""


class NotFound(Error, FileNotFoundError):
    """A file, directory or snapshot of the hub that is not there."""


class BadModel(Error, ValueError):
    """A checkpoint that is broken or contradicts itself."""


class Unsupported(Error, NotImplementedError):
    """A checkpoint or option that is sound, but that this build cannot run."""


class OverBudget(Error, MemoryError):
    """More memory than the budget leaves; the message says how much would do."""


class SystemRefused(Error, OSError):
    """The operating system refused to read, to write or to give memory."""


class DeadlineExceeded(Error, TimeoutError):
    """Memory that other calls hold did not become free in time."""


class Overloaded(Error, RuntimeError):
    """The server has as much to do as it admits, shuts down, or cannot load the model now."""

    # Seconds after which to come again, as the server says; None: it does not.
    retry_after: float | None = None


class Unauthorized(Error, PermissionError):
    """The server knows no such API key."""


class Unreachable(Error, ConnectionError):
    """The server cannot be reached, or was gone before it had answered."""


class Cancelled(Error, RuntimeError):
    """The call was stopped."""


class Internal(Error, RuntimeError):
    """A defect of Waterline."""
