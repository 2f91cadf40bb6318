# SPDX-License-Identifier: Apache-2.0
"""Clients of `waterline serve`: Client, and AsyncClient for asyncio. They need httpx."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    import httpx
except ImportError:
    raise ImportError(
        "waterline.Client and AsyncClient need the package httpx: pip install waterline[client]"
    ) from None

from waterline import __version__, errors
from waterline.arguments import refuse_per_text
from waterline.exchange import (
    ENTITIES,
    REDACTION,
    RELATIONS,
    Calls,
    LabelVectors,
    Pause,
    Reply,
    Request,
    Steps,
    check_request_size,
)
from waterline.streaming import Windows, windows

# Requests of one stream that are under way while the answers to an earlier one are read.
STREAM_REQUESTS = 2
# Seconds beyond a request's deadline in which the server's own answer, 504, may still come.
GRACE = 2.0


class _Client:
    """What both clients are made of."""

    def __init__(
        self,
        base_url: str = "http://localhost:8080",
        *,
        api_key: str | None = None,
        model: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        verify: bool | str | os.PathLike | ssl.SSLContext = True,
        cert: tuple[str | os.PathLike, str | os.PathLike] | None = None,
        max_connections: int = 10,
    ):
        """Connects when it first asks.

        Args:
            base_url: Of the server, with http:// or https://; a path before /v1 may follow.
            api_key: One of the keys of `waterline serve --api-keys`.
            model: Name of the model for calls that name none; None: the server's first.
            timeout: Seconds, 0.001 to 600, that a request may take, with its retries; the server
                is told and gives up too. A call with more than `batch_size` texts, or 1 MiB of
                them, makes several requests, each with its own.
            retries: How often a request is sent again that was answered 429 or 503: after the
                server's Retry-After and up to half as long again, if the timeout leaves that much.
            verify: For https: True for the certificates that httpx trusts, a PEM file of those to
                trust, an SSLContext, or False for any (then anyone between may read and answer).
            cert: PEM files of a certificate of this client and of its key.
            max_connections: Most that are open at once; further requests wait for one.
        """
        url = httpx.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise errors.InvalidArgument(
                f"base_url is {base_url!r}, expected http://HOST:PORT or https://HOST:PORT"
            )
        self._calls = Calls(model=model, timeout=timeout, retries=retries)
        self._base_url = url
        headers = {"User-Agent": f"waterline/{__version__}"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._options: dict[str, Any] = {
            "base_url": url,
            "headers": headers,
            "verify": _trust(verify, cert) if url.scheme == "https" else True,
            "limits": httpx.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"


class Client(_Client):
    """Asks a server what GLiNER answers in the process, with the same calls.

    Safe to use from any number of threads at once; not in a process that was forked after its
    first call. Offsets are code points, scores probabilities. Exceptions are those of
    waterline.errors, with the server's `status`, `field` and `request_id`: InvalidArgument,
    OverBudget (413), DeadlineExceeded (504, or no answer within `timeout`), NotFound and
    Unsupported (404), Unauthorized (401), Overloaded (429 and 503, after the retries), Internal,
    and Unreachable where there is no server.

        with Client("http://localhost:8080") as client:
            client.predict_entities("Ada Lovelace lived in London.", ["person", "city"])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._http = httpx.Client(**self._options)

    def inference(
        self,
        texts: str | Iterable[str | None],
        labels: object,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        multi_label: bool = False,
        batch_size: int = 256,
        *,
        model: str | None = None,
        truncate: bool | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> list[list[dict]]:
        """Finds the entities of every text.

        Args:
            texts, labels, flat_ner, threshold, multi_label, truncate, labels_per_pass: As of
                GLiNER.inference.
            batch_size: Most texts of one request, 1 to 1,000.
            model: Name of the model; None: the client's.
            timeout: Seconds for each request; None: the client's.
            return_exceptions: Put the exception in the place of the answer for a text that is
                refused; otherwise the first one is raised, with the text's index in `.text`.
                What concerns a whole request is raised always.

        Returns: For each text a list of {"start", "end", "text", "label", "score"}.
        """
        return self._run(self._calls.ask(ENTITIES, **_given(locals())))

    def batch_predict_entities(
        self, texts: Iterable[str | None], labels: object, **settings: Any
    ) -> list[list[dict]]:
        """As inference, under the name that GLiNER has too."""
        return self.inference(texts, labels, **settings)

    def predict_entities(
        self,
        text: str,
        labels: object,
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        **settings: Any,
    ) -> list[dict]:
        """The entities of one text; `settings` are of inference."""
        return self.inference([text], labels, flat_ner, threshold, multi_label, **settings)[0]

    def predict_relations(
        self,
        text: str,
        labels: object,
        relations: str | Iterable[str],
        *,
        adjacency_threshold: float | None = None,
        relation_threshold: float | None = None,
        **settings: Any,
    ) -> tuple[list[dict], list[dict]]:
        """(entities, relations) of one text, of a model that finds relations.

        `settings` are of inference; the thresholds and answers as of RelationGLiNER. For many
        texts there is stream(relations=).
        """
        given = _relation_settings(relations, adjacency_threshold, relation_threshold)
        return self._run(self._calls.ask(RELATIONS, [text], labels, **given, **settings))[0]

    def redact(
        self,
        texts: str | Iterable[str | None],
        labels: object = None,
        replacement: str = "label",
        word: str | None = None,
        preset: str | None = None,
        **settings: Any,
    ) -> list[dict]:
        """Replaces the entities of every text. No model finds all of them.

        Args:
            labels: What to look for; may be left out with `preset`.
            replacement: "label", "mask" (a * for each code point), "pseudonym" (PERSON_1, numbered
                in each text), "hash" (equal for equal entities, by the server's key) or "word".
            word: What stands for them with "word"; None: [REDACTED].
            preset: "pii", "hipaa" or "gdpr-basic": its labels and patterns are looked for too.
            settings: Of inference, without flat_ner and multi_label.

        Returns: For each text {"text", "redactions"}, where a redaction is {"start", "end",
            "new_start", "new_end", "label", "score"}: its place in the old and the new text; what
            a pattern of the preset found has its "rule" instead of a score.
        """
        return self._run(
            self._calls.ask(
                REDACTION,
                texts,
                labels,
                replacement=replacement,
                word=word,
                preset=preset,
                **settings,
            )
        )

    def stream(
        self,
        texts: Iterable,
        labels: object,
        *,
        relations: str | Iterable[str] | None = None,
        batch_size: int = 256,
        as_tuples: bool = False,
        **settings: Any,
    ) -> Iterator[Any]:
        """Answers for texts as they come, in order and in flat memory.

        While answers are read, the next two requests are under way; each has at most `batch_size`
        texts and about 1 Mi characters, and `texts` is read no further. Closing the iterator waits
        for what is under way.

        Args:
            texts: Any iterable of str; with `as_tuples` of (text, context).
            labels: Labels for all texts; as are all other settings.
            relations: Relations to look for too.
            settings: Of inference; adjacency_threshold, relation_threshold. With
                return_exceptions=True a text that is refused stops nothing.

        Returns: An iterator over the entities of each text; with `relations` over (entities,
            relations); with `as_tuples` over (answer, context).
        """
        ask = _stream_call(self._calls, texts, labels, relations, batch_size, settings)
        return self._stream(ask, texts, batch_size, as_tuples)

    def _stream(self, ask, texts, batch_size, as_tuples):
        waiting = deque()  # Of (window, future answers).
        with ThreadPoolExecutor(STREAM_REQUESTS, "waterline-stream") as pool:
            try:
                for window in windows(texts, batch_size, as_tuples):
                    waiting.append((window, pool.submit(self._run, ask(window))))
                    if len(waiting) > STREAM_REQUESTS:
                        first, answer = waiting.popleft()
                        yield from _paired(first, answer.result(), as_tuples)
                while waiting:
                    first, answer = waiting.popleft()
                    yield from _paired(first, answer.result(), as_tuples)
            finally:
                for _, answer in waiting:
                    answer.cancel()

    def encode_labels(
        self, labels: object, *, model: str | None = None, timeout: float | None = None
    ) -> LabelVectors:
        """The vectors of labels, of a model with a label encoder."""
        return self._run(self._calls.encode_labels(labels, model=model, timeout=timeout))

    def models(self) -> list[dict]:
        """The server's models: name, status, memory, queue; as of GET /v1/models."""
        return self._run(self._calls.models())

    def stats(self) -> dict:
        """The whole answer of GET /v1/models: "models", "memory" in bytes, "admitted"."""
        return self._run(self._calls.stats())

    def ready(self) -> bool:
        """Whether the server is there and takes requests."""
        return self._run(self._calls.ready())

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self, steps: Steps) -> Any:
        reply: Reply | errors.Error | None = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                return done.value
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                reply = None
                continue
            try:
                reply = _reply(self._http.request(**_request(step)))
            except httpx.RequestError as failed:
                reply = _failure(failed, step)


class AsyncClient(_Client):
    """As Client, for asyncio. To be used in one event loop.

    async with AsyncClient("http://localhost:8080") as client:
        await client.predict_entities("Ada Lovelace lived in London.", ["person", "city"])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._http = httpx.AsyncClient(**self._options)

    async def inference(
        self,
        texts: str | Iterable[str | None],
        labels: object,
        flat_ner: bool = True,
        threshold: float | list[float] = 0.5,
        multi_label: bool = False,
        batch_size: int = 256,
        *,
        model: str | None = None,
        truncate: bool | None = None,
        labels_per_pass: int = 0,
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> list[list[dict]]:
        """As Client.inference."""
        return await self._run(self._calls.ask(ENTITIES, **_given(locals())))

    async def batch_predict_entities(
        self, texts: Iterable[str | None], labels: object, **settings: Any
    ) -> list[list[dict]]:
        """As inference."""
        return await self.inference(texts, labels, **settings)

    async def predict_entities(
        self,
        text: str,
        labels: object,
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        **settings: Any,
    ) -> list[dict]:
        """As Client.predict_entities."""
        found = await self.inference([text], labels, flat_ner, threshold, multi_label, **settings)
        return found[0]

    async def predict_relations(
        self,
        text: str,
        labels: object,
        relations: str | Iterable[str],
        *,
        adjacency_threshold: float | None = None,
        relation_threshold: float | None = None,
        **settings: Any,
    ) -> tuple[list[dict], list[dict]]:
        """As Client.predict_relations."""
        given = _relation_settings(relations, adjacency_threshold, relation_threshold)
        found = await self._run(self._calls.ask(RELATIONS, [text], labels, **given, **settings))
        return found[0]

    async def redact(
        self,
        texts: str | Iterable[str | None],
        labels: object = None,
        replacement: str = "label",
        word: str | None = None,
        preset: str | None = None,
        **settings: Any,
    ) -> list[dict]:
        """As Client.redact."""
        return await self._run(
            self._calls.ask(
                REDACTION,
                texts,
                labels,
                replacement=replacement,
                word=word,
                preset=preset,
                **settings,
            )
        )

    def stream(
        self,
        texts: Iterable | AsyncIterable,
        labels: object,
        *,
        relations: str | Iterable[str] | None = None,
        batch_size: int = 256,
        as_tuples: bool = False,
        **settings: Any,
    ) -> AsyncIterator[Any]:
        """As Client.stream; `texts` may be an asynchronous iterable.

        Closing it cancels what is under way.
        """
        ask = _stream_call(self._calls, texts, labels, relations, batch_size, settings)
        return self._stream(ask, texts, batch_size, as_tuples)

    async def _stream(self, ask, texts, batch_size, as_tuples):
        waiting = deque()  # Of (window, task).
        try:
            async for window in _windows_of(texts, batch_size, as_tuples):
                waiting.append((window, asyncio.ensure_future(self._run(ask(window)))))
                if len(waiting) > STREAM_REQUESTS:
                    first, answer = waiting[0]
                    answers = _paired(first, await answer, as_tuples)
                    waiting.popleft()
                    for each in answers:
                        yield each
            while waiting:
                first, answer = waiting[0]
                answers = _paired(first, await answer, as_tuples)
                waiting.popleft()
                for each in answers:
                    yield each
        finally:
            for _, answer in waiting:
                answer.cancel()
            await asyncio.gather(*(answer for _, answer in waiting), return_exceptions=True)

    async def encode_labels(
        self, labels: object, *, model: str | None = None, timeout: float | None = None
    ) -> LabelVectors:
        """As Client.encode_labels."""
        return await self._run(self._calls.encode_labels(labels, model=model, timeout=timeout))

    async def models(self) -> list[dict]:
        """As Client.models."""
        return await self._run(self._calls.models())

    async def stats(self) -> dict:
        """As Client.stats."""
        return await self._run(self._calls.stats())

    async def ready(self) -> bool:
        """As Client.ready."""
        return await self._run(self._calls.ready())

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def _run(self, steps: Steps) -> Any:
        reply: Reply | errors.Error | None = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                return done.value
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                reply = None
                continue
            try:
                reply = _reply(await self._http.request(**_request(step)))
            except httpx.RequestError as failed:
                reply = _failure(failed, step)


def _given(arguments: dict) -> dict:
    """The arguments of a method, from its locals()."""
    return {name: value for name, value in arguments.items() if name != "self"}


def _relation_settings(relations, adjacency_threshold, relation_threshold) -> dict:
    return {
        "relations": [relations] if isinstance(relations, str) else list(relations),
        "adjacency_threshold": adjacency_threshold,
        "relation_threshold": relation_threshold,
    }


def _stream_call(calls, texts, labels, relations, batch_size, settings):
    """What asks about one window of a stream."""
    if isinstance(texts, (str, bytes, Mapping)):
        raise TypeError(f"texts is of type {type(texts).__name__}, expected an iterable of str")
    check_request_size(batch_size)
    refuse_per_text(labels, settings)
    question = ENTITIES if relations is None else RELATIONS
    if relations is not None:
        relations = [relations] if isinstance(relations, str) else list(relations)
        settings = {**settings, "relations": relations}
    if not isinstance(labels, (str, Mapping)) and isinstance(labels, Iterable):
        labels = list(labels)  # It is read for every window.
    return lambda window: calls.ask(question, [text for text, _ in window], labels, **settings)


def _paired(window, answers, as_tuples):
    return list(zip(answers, (context for _, context in window))) if as_tuples else answers


async def _windows_of(texts, batch_size, as_tuples):
    if not isinstance(texts, AsyncIterable):
        for window in windows(texts, batch_size, as_tuples):
            yield window
        return
    gathered = Windows(batch_size, as_tuples)
    async for item in texts:
        if window := gathered.add(item):
            yield window
    if window := gathered.rest():
        yield window


def _trust(verify, cert) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, bool):
        context = httpx.create_ssl_context(verify=verify)
    else:
        context = ssl.create_default_context(cafile=verify)
    if cert is not None:
        context.load_cert_chain(*cert)
    return context


def _request(request: Request) -> dict[str, Any]:
    """What httpx is asked to send."""
    return {
        "method": request.method,
        "url": request.path,
        "content": request.body,
        "headers": None if request.body is None else {"Content-Type": "application/json"},
        "timeout": httpx.Timeout(request.timeout, read=request.timeout + GRACE),
    }


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.headers, response.content)


def _failure(failed: httpx.RequestError, request: Request) -> errors.Error:
    error: errors.Error
    if isinstance(failed, httpx.TimeoutException):
        error = errors.DeadlineExceeded(
            f"{request.path} was not answered within {request.timeout:.3g} s "
            f"({type(failed).__name__})"
        )
    else:
        error = errors.Unreachable(f"{request.path}: {failed or type(failed).__name__}")
    error.__cause__ = failed
    return error
