"""How errors reach callers: each kind with its status, and never a traceback."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from controlplane.edge import STATUS, Context, Edge, caller
from orb import errors
from orb.errors import Denied, InvalidInput, NotLeader, OrbError
from orb.tls import Identity


class Aborted(Exception):
    pass


class FakeContext:
    def __init__(self, *names: bytes) -> None:
        self.names = names
        self.ended: tuple[Any, ...] = ()

    def auth_context(self) -> dict[str, tuple[bytes, ...]]:
        return {"x509_common_name": self.names} if self.names else {}

    async def abort(self, *ended: Any) -> None:
        self.ended = ended
        raise Aborted


def outcome(error: Exception) -> tuple[Any, ...]:
    context = FakeContext()
    edge = Edge({"s2": "10.0.0.2:7400"}.get)  # type: ignore[arg-type]  # names are texts

    async def fail() -> None:
        raise error

    with pytest.raises(Aborted):
        asyncio.run(edge.answer(cast("Context", context), fail()))
    return context.ended


def test_every_error_has_a_status() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, OrbError)
    }
    assert set(STATUS) == kinds


def test_an_error_brings_its_kind_and_what_to_do() -> None:
    assert outcome(InvalidInput("no good", remedy="do better")) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "no good",
        (("orb-error", "InvalidInput"), ("orb-remedy-bin", b"do better")),
    )


def test_a_server_that_does_not_lead_names_the_one_that_does() -> None:
    assert outcome(NotLeader("s2")) == (
        grpc.StatusCode.UNAVAILABLE,
        "this server does not lead; the leader is s2",
        (("orb-error", "NotLeader"), ("orb-leader", "10.0.0.2:7400")),
    )
    assert outcome(NotLeader(None))[2] == (("orb-error", "NotLeader"),)


def test_a_mistake_of_ours_is_told_by_a_number_that_the_log_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    code, message, metadata = outcome(KeyError("secret detail"))
    number = message.removeprefix("the server made a mistake (number ").removesuffix(")")
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in message + str(metadata)
    (record,) = caplog.records
    assert record.orb_fields == {"number": number}  # type: ignore[attr-defined]
    assert record.exc_info is not None


def test_the_caller_is_who_the_certificate_says() -> None:
    assert caller(cast("Context", FakeContext(b"node:n1"))) == Identity("node", "n1")
    for names in ((), (b"n1",), (b"node:",), (b"node:n1", b"user:x"), (b"\xff:x",)):
        with pytest.raises(Denied):
            caller(cast("Context", FakeContext(*names)))
