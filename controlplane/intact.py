"""Messages that cannot be read are refused in words, before a service sees them.

gRPC itself answers them with UNKNOWN and the name of a class of Python. So what cannot be read
becomes a value, and the method is wrapped by one that refuses this value.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError, Message

from controlplane.edge import Context, Edge
from orb.errors import InvalidInput

Handler: TypeAlias = "grpc.RpcMethodHandler[Message, Message]"
Method = Callable[..., Awaitable[object]]
"""A method of a service: takes its request, or many of them, and the context."""
Call = grpc.HandlerCallDetails
REMEDY: Final = "use an orbctl or agent of the servers' version"


class _Unreadable(NamedTuple):
    """What came instead of a message."""

    method: str

    def refusal(self) -> InvalidInput:
        return InvalidInput(
            f"a message to {self.method} cannot be read: it is damaged, or of another protocol",
            remedy=REMEDY,
        )


class Intact(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # not at run time
    """Refuses what cannot be read with INVALID_ARGUMENT."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def intercept_service(
        self,
        continuation: "Callable[[Call], Awaitable[Handler | None]]",
        handler_call_details: Call,
    ) -> Handler:
        """The method, by one that refuses what it could not read."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler  # type: ignore[return-value]  # unknown to all; gRPC itself says so
        read = _reader(handler.request_deserializer, handler_call_details.method)
        write = handler.response_serializer
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(self._one(handler.unary_unary), read, write)
        if handler.unary_stream is not None:
            one = self._one(handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(one, read, write)
        if handler.stream_unary is not None:
            many = _many(handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(many, read, write)
        assert handler.stream_stream is not None, "there are four kinds"  # noqa: S101 - says so
        return grpc.stream_stream_rpc_method_handler(_many(handler.stream_stream), read, write)

    def _one(self, behaviour: Callable[..., object]) -> Method:
        method = cast("Method", behaviour)  # those of a server on asyncio are awaited

        async def answer(request: Message | _Unreadable, context: Context) -> object:
            if isinstance(request, _Unreadable):
                await self._edge.abort(context, request.refusal())
            return await method(request, context)

        return answer


def _reader(
    parse: Callable[[bytes], Message], method: str
) -> Callable[[bytes], Message | _Unreadable]:
    def read(data: bytes) -> Message | _Unreadable:
        try:
            return parse(data)
        except DecodeError:
            return _Unreadable(method)

    return read


def _many(behaviour: Callable[..., object]) -> Method:
    method = cast("Method", behaviour)

    async def answer(requests: AsyncIterator[Message | _Unreadable], context: Context) -> object:
        return await method(_readable(requests), context)

    return answer


async def _readable(requests: AsyncIterator[Message | _Unreadable]) -> AsyncIterator[Message]:
    async for request in requests:
        if isinstance(request, _Unreadable):
            raise request.refusal()
        yield request
