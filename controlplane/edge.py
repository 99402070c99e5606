"""The edge of every service: who calls, and how an error reaches the caller (one table)."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from orb import errors
from orb.errors import Denied, NotLeader, OrbError
from orb.ids import ServerName
from orb.logs import Logger
from orb.tls import Identity, parse_identity

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Message, Message]

REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest message that a server takes; a larger one is refused with RESOURCE_EXHAUSTED."""
REPLY_BYTES_MAX: Final = 64 * 1024 * 1024
"""The largest message that a server sends; 20,000 replicas are about 6 MiB."""
DETAILS_CHARACTERS_MAX: Final = 4_000
"""A longer error is cut: it travels in a header, and headers have a limit."""

_CODE = grpc.StatusCode
STATUS: Final[Mapping[type[OrbError], grpc.StatusCode]] = {
    errors.InvalidInput: _CODE.INVALID_ARGUMENT,
    errors.NotFound: _CODE.NOT_FOUND,
    errors.Conflict: _CODE.FAILED_PRECONDITION,
    errors.Denied: _CODE.PERMISSION_DENIED,
    errors.TooLarge: _CODE.RESOURCE_EXHAUSTED,
    errors.Unavailable: _CODE.UNAVAILABLE,
    errors.NotLeader: _CODE.UNAVAILABLE,
    errors.NoQuorum: _CODE.UNAVAILABLE,
    errors.StorageFull: _CODE.UNAVAILABLE,
    errors.StorageDamaged: _CODE.DATA_LOSS,
    errors.Unknown: _CODE.UNKNOWN,
    errors.OrbError: _CODE.INTERNAL,
}
"""How each error travels; a test holds it complete. Its class is in the metadata `orb-error`."""

log = Logger("edge")


def caller(context: Context) -> Identity:
    """Who calls, by the verified certificate. Raises Denied."""
    names = list(context.auth_context().get("x509_common_name", ()))
    if len(names) != 1:
        raise Denied("the caller shows no certificate of this cluster")
    try:
        return parse_identity(names[0].decode("utf-8", "replace"))
    except errors.InvalidInput as error:
        raise Denied(error.message) from None


class Edge:
    """Translates errors into statuses. *client_address* knows where a server answers orbctl."""

    def __init__(self, client_address: Callable[[ServerName], str]) -> None:
        self._client_address = client_address

    async def answer(self, context: Context, work: Awaitable[T]) -> T:
        """The result of *work*; an error ends the call with its status, never with a traceback."""
        try:
            return await work
        except OrbError as error:
            known = error
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours ends one call, with its number
            number = secrets.token_hex(4)
            log.failure("a call failed by a mistake of ours", error, number=number)
            known = OrbError(
                f"the server made a mistake (number {number})",
                remedy=f"please report it, with the lines around {number} of the server's log",
            )
        await self.abort(context, known)
        raise AssertionError("abort returns never")

    async def abort(self, context: Context, error: OrbError) -> None:
        """End the call with *error*."""
        metadata: list[tuple[str, str | bytes]] = [("orb-error", type(error).__name__)]
        if error.remedy:
            metadata.append(("orb-remedy-bin", error.remedy.encode()))
        if isinstance(error, NotLeader) and error.leader is not None:
            address = self._client_address(ServerName(error.leader))
            if address:
                metadata.append(("orb-leader", address))
        message = error.message[:DETAILS_CHARACTERS_MAX]
        await context.abort(STATUS[type(error)], message, tuple(metadata))
