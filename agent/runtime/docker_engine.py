"""The one door to the Docker Engine: SDK calls in threads with a limit, streams on the event loop.

The SDK's own streams block a thread each, ignore its timeout, and lose bytes that arrive together
with the headers of an upgraded connection; so streams speak the Engine's HTTP themselves.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

import docker
import docker.errors
import requests

from agent.runtime.base import RuntimeFailure

CALL_SECONDS_MAX: Final = 60
"""A call that takes longer has failed: the engine hangs."""
PULL_SECONDS_MAX: Final = 1_800
"""Between two signs of life of a pull; then it has failed."""
CHANGES_AT_ONCE_MAX: Final = 8
"""More creates and starts at once make no engine faster; further ones wait."""
READS_AT_ONCE_MAX: Final = 16
"""Inspections at once; further ones wait."""
FRAME_BYTES_MAX: Final = 1024 * 1024
"""A larger frame of output means that we have lost step: the stream is ended."""
HEADER_BYTES_MAX: Final = 64 * 1024
"""The most that an answer's headers may take."""

_P = ParamSpec("_P")
_T = TypeVar("_T")

_STREAM_NAMES: Final = {0: "stdout", 1: "stdout", 2: "stderr"}


class Engine:
    """A Docker Engine at *host*, an address as DOCKER_HOST has it."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._changes = ThreadPoolExecutor(CHANGES_AT_ONCE_MAX, "docker-change")
        self._reads = ThreadPoolExecutor(READS_AT_ONCE_MAX, "docker-read")
        self._api: docker.APIClient | None = None
        self._pulls: docker.APIClient | None = None

    async def connect(self) -> docker.APIClient:
        """The SDK's client, made at first use. Raises RuntimeFailure(temporary=True)."""
        if self._api is None:
            # The SDK forgets to close a socket that does not connect: so we try first.
            async with closing((await self._dial())[1]):
                pass
            self._api = await self._in(self._reads, self._client, CALL_SECONDS_MAX)
        return self._api

    async def pulls(self) -> docker.APIClient:
        """A client of its own for pulls, whose answers may take long."""
        if self._pulls is None:
            self._pulls = await self._in(self._reads, self._client, PULL_SECONDS_MAX)
        return self._pulls

    async def change(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run an SDK call that changes something. Raises RuntimeFailure, and NotFound as it is."""
        return await self._in(self._changes, call, *args, **kwargs)

    async def read(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run an SDK call that only looks. Raises RuntimeFailure, and NotFound as it is."""
        return await self._in(self._reads, call, *args, **kwargs)

    async def open(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, object] | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request whose answer is a stream; with *body* the connection is upgraded.

        Raises RuntimeFailure with the engine's own words if it refuses.
        """
        reader, writer = await self._dial()
        try:
            writer.write(_request(method, f"{path}?{urlencode(query)}", body))
            await writer.drain()
            async with asyncio.timeout(CALL_SECONDS_MAX):
                await _accepted(reader)
        except (OSError, ValueError, IndexError, EOFError, TimeoutError) as error:
            writer.close()
            raise RuntimeFailure(f"the Docker Engine broke off: {error}", temporary=True) from error
        except BaseException:
            writer.close()
            raise
        return reader, writer

    async def close(self) -> None:
        """End the threads; calls under way are not waited for."""
        for pool in (self._changes, self._reads):
            pool.shutdown(wait=False, cancel_futures=True)
        for client in (self._api, self._pulls):
            if client is not None:
                client.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = urlsplit(self.host)
        try:
            if url.scheme == "unix":
                return await asyncio.open_unix_connection(url.path, limit=HEADER_BYTES_MAX)
            return await asyncio.open_connection(url.hostname, url.port, limit=HEADER_BYTES_MAX)
        except OSError as error:
            raise RuntimeFailure(self._silent(error), temporary=True) from error

    def _client(self, timeout: int) -> docker.APIClient:
        return docker.APIClient(
            base_url=self.host, version="auto", timeout=timeout, max_pool_size=32
        )

    async def _in(
        self,
        pool: ThreadPoolExecutor,
        call: Callable[_P, _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(pool, lambda: call(*args, **kwargs))
        except docker.errors.NotFound:
            raise
        except docker.errors.APIError as error:
            raise RuntimeFailure(str(error.explanation or error)) from error
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise RuntimeFailure(self._silent(error), temporary=True) from error

    def _silent(self, error: Exception) -> str:
        cause: BaseException = error
        while cause.__context__ is not None:
            cause = cause.__context__
        why = (cause.strerror if isinstance(cause, OSError) else None) or error
        return f"the Docker Engine at {self.host} does not answer: {why}"


@contextlib.asynccontextmanager
async def closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close the connection when done with it, and wait until its socket is gone."""
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def frames(
    reader: asyncio.StreamReader, *, multiplexed: bool
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield (stream, bytes) of an attached container or command until its output ends."""
    try:
        while multiplexed:
            head = await reader.readexactly(8)
            size = int.from_bytes(head[4:], "big")
            if head[0] not in _STREAM_NAMES or size > FRAME_BYTES_MAX:
                raise RuntimeFailure("the Docker Engine sent output that is not framed")
            yield _STREAM_NAMES[head[0]], await reader.readexactly(size)
        while data := await reader.read(HEADER_BYTES_MAX):
            yield "stdout", data
    except (asyncio.IncompleteReadError, ConnectionError):
        return


def _request(method: str, target: str, body: Mapping[str, object] | None) -> bytes:
    """HTTP/1.0 keeps the answer free of chunks; an upgrade needs 1.1."""
    if body is None:
        return f"{method} {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode()
    payload = json.dumps(body).encode()
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def _accepted(reader: asyncio.StreamReader) -> None:
    """Read the answer's headers. Raises RuntimeFailure if it is a refusal."""
    header = await reader.readuntil(b"\r\n\r\n")
    status = int(header.split(b" ", 2)[1])
    if status not in {101, 200}:
        raise RuntimeFailure(_refusal(await reader.read(HEADER_BYTES_MAX), status))


def _refusal(body: bytes, status: int) -> str:
    text = body.partition(b"\r\n\r\n")[2] or body
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return f"the Docker Engine refused with status {status}"
