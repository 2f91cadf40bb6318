# SPDX-License-Identifier: Apache-2.0
"""What the clients of `waterline serve` send, and how they read its answers.

Nothing here sends or waits. A call is a generator that gives a Request to send or a Pause to make,
gets the Reply or the Error that came of it, and returns the answer: Client and AsyncClient run the
same generators.
"""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from waterline import errors
from waterline.arguments import check_batch_size, read_flag, read_number, read_thresholds
from waterline.labels import read_texts, unique_strings

MOST_TEXTS = 1000  # Of one request, as the server has it.
# Most bytes of texts of one request, but for one text that has more. Below --max-body (4 MiB).
REQUEST_BYTES = 1 << 20
LONGEST_TIMEOUT = 600.0  # Seconds, as the server has it.
SHORTEST_TIMEOUT = 0.001
LONGEST_PAUSE = 30.0  # Seconds between attempts where the server names no time.


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes | None
    timeout: float  # Seconds that the server has.


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


Step = Union[Request, Pause]
Steps = Generator[Step, Union[Reply, errors.Error, None], Any]


@dataclass(frozen=True)
class Question:
    """What is asked about texts."""

    path: str
    # Of the result of one text.
    read: Callable[[dict], Any]
    # For a text that is missing, or where no labels are asked for.
    nothing: Callable[[Any], Any]
    needs_labels: bool = False


ENTITIES = Question("/v1/entities", lambda result: result["entities"], lambda text: [])
RELATIONS = Question(
    "/v1/relations",
    lambda result: (result["entities"], result["relations"]),
    lambda text: ([], []),
)
# Without labels nothing would be replaced: the server refuses that.
REDACTION = Question(
    "/v1/redact",
    lambda result: {"text": result["text"], "redactions": result["redactions"]},
    lambda text: {"text": text, "redactions": []},
    needs_labels=True,
)


class LabelVectors:
    """Vectors of labels, a matrix of [labels, width] floats. numpy.asarray() of it is an array."""

    def __init__(self, labels: list[str], width: int, vectors: list[list[float]]):
        self.labels = labels
        self.shape = len(labels), width
        self._vectors = vectors

    def tolist(self) -> list[list[float]]:
        return self._vectors

    def __len__(self) -> int:
        return len(self.labels)

    def __array__(self, dtype=None, copy=None):
        import numpy

        return numpy.array(self._vectors, dtype=dtype or numpy.float32).reshape(self.shape)

    def __repr__(self) -> str:
        return f"<LabelVectors of shape {self.shape}>"


class Calls:
    """The calls of a client with its defaults. Immutable."""

    def __init__(self, *, model: str | None, timeout: float, retries: int):
        self._model = model
        self._timeout = _checked_timeout(timeout)
        if isinstance(retries, bool) or not hasattr(retries, "__index__"):
            raise TypeError(f"retries is of type {type(retries).__name__}, expected int")
        if retries < 0:
            raise ValueError(f"retries is {retries}, expected 0 or more")
        self._retries = retries

    def ask(
        self,
        question: Question,
        texts: object,
        labels: object,
        *,
        threshold: object = 0.5,
        flat_ner: object = True,
        multi_label: object = False,
        batch_size: int = 256,
        truncate: object = None,
        labels_per_pass: int = 0,
        model: str | None = None,
        timeout: float | None = None,
        return_exceptions: bool = False,
        **fields: object,
    ) -> Steps:
        """The answers to all of `texts`, in order; `fields` are of the question's route."""
        read = read_texts(texts)
        check_request_size(batch_size)
        shared: dict[str, object] = {
            "model": self._model if model is None else model,
            "nested": None if read_flag(flat_ner, "flat_ner") else True,
            "multi_label": True if read_flag(multi_label, "multi_label") else None,
            "truncate": None if truncate is None else read_flag(truncate, "truncate"),
            "labels_per_pass": labels_per_pass or None,
            **fields,
        }
        # A preset has labels of its own.
        preset_alone = labels is None and question.needs_labels
        label_sets = None if preset_alone else _label_sets(labels, len(read))
        thresholds = read_thresholds(threshold, len(read))
        answers: list = [None] * len(read)

        def refuse(error: errors.Error, place: int) -> None:
            error.text = place
            if not return_exceptions:
                raise error
            answers[place] = error

        # Texts of the same settings share requests.
        alike: dict[bytes, list[int]] = {}
        common = None
        for i, text in enumerate(read):
            own = label_sets[i] if isinstance(label_sets, _PerText) else label_sets
            if text is None or (not own and not question.needs_labels):
                answers[i] = question.nothing(text)
                continue
            settings = common
            if settings is None:
                limit = thresholds[i] if isinstance(thresholds, list) else thresholds
                settings = _encode({**shared, "labels": own, "threshold": limit}, "the request")
                if not isinstance(label_sets, _PerText) and not isinstance(thresholds, list):
                    common = settings
            alike.setdefault(settings, []).append(i)
        for settings, places in alike.items():
            encoded: list[bytes] = []
            asked: list[int] = []
            size = 0
            for n, i in enumerate(places):
                try:
                    encoded.append(_encode(read[i], f"texts[{i}]"))
                    asked.append(i)
                    size += len(encoded[-1])
                except errors.InvalidArgument as error:
                    refuse(error, i)
                full = len(encoded) >= batch_size or size >= REQUEST_BYTES
                if not encoded or (not full and n + 1 < len(places)):
                    continue
                body = b'{"text":[' + b",".join(encoded) + b"]," + settings[1:]
                reply = yield from self._exchange("POST", question.path, body, timeout)
                for place, result in zip(asked, _json(reply)["results"]):
                    if "error" in result:
                        refuse(_error_of_text(result["error"], _request_id(reply)), place)
                        continue
                    if result.get("truncated_words"):
                        warnings.warn(
                            f"texts[{place}]: the last {result['truncated_words']} words were cut",
                            stacklevel=2,
                        )
                    answers[place] = question.read(result)
                encoded, asked, size = [], [], 0
        return answers

    def encode_labels(self, labels: object, *, model: str | None, timeout: float | None) -> Steps:
        fields = {"model": self._model if model is None else model, "labels": _labels(labels)}
        body = _encode(fields, "labels")
        reply = yield from self._exchange("POST", "/v1/label-embeddings", body, timeout)
        answer = _json(reply)
        return LabelVectors(answer["labels"], answer["width"], answer["vectors"])

    def stats(self) -> Steps:
        reply = yield from self._exchange("GET", "/v1/models", None, None)
        return _json(reply)

    def models(self) -> Steps:
        return (yield from self.stats())["models"]

    def ready(self) -> Steps:
        reply = yield Request("GET", "/health/ready", None, self._timeout)
        if isinstance(reply, (errors.Unreachable, errors.DeadlineExceeded)):
            return False
        reply = _arrived(reply)
        if reply.status not in (200, 503):
            raise _error_of(reply)
        return reply.status == 200

    def _exchange(
        self, method: str, path: str, body: bytes | None, timeout: float | None
    ) -> Generator[Step, Reply | errors.Error | None, Reply]:
        """The reply to one request, asked again while the server is overloaded."""
        seconds = self._timeout if timeout is None else _checked_timeout(timeout)
        end = time.monotonic() + seconds
        attempt = 0
        while True:
            left = max(end - time.monotonic(), SHORTEST_TIMEOUT)
            timed = None if body is None else b'{"timeout":%.3f,' % left + body[1:]
            reply = _arrived((yield Request(method, path, timed, left)))
            if 200 <= reply.status < 300:
                return reply
            error = _error_of(reply)
            attempt += 1
            if not isinstance(error, errors.Overloaded) or attempt > self._retries:
                raise error
            pause = _pause(error.retry_after, attempt)
            if time.monotonic() + pause >= end:
                raise error
            yield Pause(pause)


class _PerText(list):
    """Labels for each text."""


def check_request_size(batch_size: int) -> None:
    check_batch_size(batch_size)
    if batch_size > MOST_TEXTS:
        raise ValueError(f"batch_size is {batch_size}, expected {MOST_TEXTS} or less")


def _checked_timeout(timeout: object) -> float:
    seconds = read_number(timeout, "timeout")
    if not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        raise errors.InvalidArgument(
            f"timeout is {seconds:g}, expected seconds from {SHORTEST_TIMEOUT} to "
            f"{LONGEST_TIMEOUT:g}"
        )
    return seconds


def _label_sets(labels, texts):
    """Labels as the server takes them, for all texts, or _PerText; as labels.read_labels does."""
    if isinstance(labels, list) and any(isinstance(own, (list, Mapping)) for own in labels):
        if len(labels) != texts:
            raise ValueError(f"Per-text labels must have length {texts}, got {len(labels)}")
        return _PerText(_labels(own, f"labels[{i}]") for i, own in enumerate(labels))
    return _labels(labels)


def _labels(labels, where="labels"):
    if not isinstance(labels, Mapping):
        return unique_strings(labels, where)
    unique_strings(list(labels), where)  # JSON would turn other keys into strings.
    return {name: _details(value) for name, value in labels.items()}


def _details(value):
    """A description, or a mapping; one that is empty stands for the name, as in GLiNER."""
    if isinstance(value, Mapping):
        return {k: v for k, v in value.items() if v is not None and (k, v) != ("description", "")}
    return None if value == "" else value


def _encode(value: object, where: str) -> bytes:
    """JSON in UTF-8. Fields that are None are left out."""
    if isinstance(value, dict):
        value = {name: field for name, field in value.items() if field is not None}
    try:
        coded = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return coded.encode()
    except UnicodeEncodeError as error:
        raise errors.InvalidArgument(
            f"{where} holds the lone surrogate U+{ord(error.object[error.start]):04X}, which is no "
            "Unicode text"
        ) from None


def _arrived(reply: Reply | errors.Error | None) -> Reply:
    if isinstance(reply, errors.Error):
        raise reply
    assert reply is not None  # It was a Request that was given.
    return reply


def _json(reply: Reply) -> dict:
    try:
        return json.loads(reply.body)
    except ValueError:
        error = errors.Internal("the answer is no JSON: is this a server of waterline?")
        error.status, error.request_id = reply.status, _request_id(reply)
        raise error from None


def _request_id(reply: Reply) -> str | None:
    return reply.headers.get("x-request-id")


def _error_of(reply: Reply) -> errors.Error:
    """What a reply that is no success says."""
    try:
        said = json.loads(reply.body)["error"]
        code, message, field = said["code"], said["message"], said.get("field")
    except (ValueError, KeyError, TypeError):  # Of a proxy between, for example.
        code, message, field = "", f"HTTP status {reply.status}", None
    error = _class_of(reply.status, code)(message)
    error.status, error.field, error.request_id = reply.status, field, _request_id(reply)
    if isinstance(error, errors.Overloaded):
        error.retry_after = _seconds(reply.headers.get("retry-after"))
    return error


def _error_of_text(said: dict, request_id: str | None) -> errors.Error:
    """What an answer says of one of its texts, which has no status of its own."""
    code, field = said["code"], said.get("field")
    status = 404 if field == "/model" else _STATUS_OF_CODE.get(code, 500)
    error = _class_of(status, code)(said["message"])
    error.status, error.field, error.request_id = status, field, request_id
    return error


# As ProblemOf in apps/server/http_message.cc.
_STATUS_OF_CODE = {
    "invalid_argument": 422,
    "unsupported": 422,
    "over_budget": 413,
    "deadline": 504,
    "cancelled": 503,
    "io": 503,
    "not_found": 503,
}

_CLASS_OF_STATUS: dict[int, type[errors.Error]] = {
    400: errors.InvalidArgument,
    401: errors.Unauthorized,
    403: errors.Unauthorized,
    404: errors.NotFound,
    405: errors.Unsupported,
    413: errors.OverBudget,
    415: errors.Unsupported,
    422: errors.InvalidArgument,
    429: errors.Overloaded,
    431: errors.InvalidArgument,
    503: errors.Overloaded,
    504: errors.DeadlineExceeded,
    505: errors.Unsupported,
}


def _class_of(status: int, code: str) -> type[errors.Error]:
    # 404 of a model that is there: it does not do this.
    if code == "unsupported" or (status, code) == (404, "invalid_argument"):
        return errors.Unsupported
    return _CLASS_OF_STATUS.get(status, errors.Internal)


def _seconds(retry_after: str | None) -> float | None:
    """Of a header Retry-After, which has seconds or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _pause(retry_after: float | None, attempt: int) -> float:
    """Seconds until the next attempt: not before the server says, and not all clients at once."""
    wanted = min(LONGEST_PAUSE, 0.1 * 2**attempt) if retry_after is None else retry_after
    return wanted + random.uniform(0.0, max(0.1, wanted / 2))
