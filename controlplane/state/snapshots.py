"""The whole state as a stream of checked frames, and back."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controlplane.state import indexes
from controlplane.state.codec import FORMAT, Format
from controlplane.state.tables import (
    App,
    Client,
    Environment,
    Event,
    Node,
    Release,
    Replica,
    Service,
    SpecKey,
    State,
    StoredSecret,
    Task,
)
from orb.errors import StorageDamaged
from orb.ids import Millis
from orb.spec import TaskSpec

RECORDS_PER_FRAME_MAX: Final = 500
"""Records encoded at once: what a snapshot needs in memory beside the tables."""
BLOBS_PER_FRAME_MAX: Final = 4
"""Contents of configs and secrets encoded at once."""
FRAME_BYTES_MAX: Final = 256 * 1024 * 1024
"""The longest frame that is read; a longer one is taken for damage."""

_HEADER_BYTES: Final = 8
"""Of each frame: its length and its CRC-32, four bytes each, big-endian."""


class _Head(msgspec.Struct, array_like=True):
    index: int
    events_seen: int
    brake_since: int | None


class _Spec(msgspec.Struct, array_like=True):
    key: SpecKey
    spec: TaskSpec


class _Blob(msgspec.Struct, array_like=True):
    digest: str
    data: bytes


class _Client(msgspec.Struct, array_like=True):
    name: str
    client: Client


@dataclass(frozen=True, slots=True)
class _Table:
    """How a table becomes records, and how one record comes back into it."""

    copy: Callable[[State], Iterable[object]]
    """A copy that later changes do not touch; cheap."""
    decoder: "msgspec.msgpack.Decoder[list[Any]]"
    put: Callable[[State, Any], None]
    per_frame: int = RECORDS_PER_FRAME_MAX


def _decoder(kind: Any) -> "msgspec.msgpack.Decoder[list[Any]]":
    return msgspec.msgpack.Decoder(list[kind])


def chunks(state: State, form: Format = FORMAT) -> Iterator[bytes]:
    """The state as it is at this call; encoded when asked for, a bounded part at a time."""
    head = _Head(state.index, state.events_seen, state.brake_since)
    copies = {name: table.copy(state) for name, table in _TABLES.items()}
    return _encoded(head, copies, form)


def _encoded(head: _Head, copies: Mapping[str, Iterable[object]], form: Format) -> Iterator[bytes]:
    yield frame(form.pack("snapshot", head))
    frames = 1
    for name, records in copies.items():
        for part in _parts(records, _TABLES[name].per_frame):
            yield frame(form.pack(name, part))
            frames += 1
    yield frame(form.pack("end", frames))


def _parts(records: Iterable[object], size: int) -> Iterator[list[object]]:
    part: list[object] = []
    for record in records:
        part.append(record)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def frame(payload: bytes) -> bytes:
    """The payload behind its length and checksum."""
    return len(payload).to_bytes(4, "big") + zlib.crc32(payload).to_bytes(4, "big") + payload


def restored(data: Iterable[bytes], form: Format = FORMAT) -> State:
    """The state that the chunks hold, however they were cut. Raises StorageDamaged."""
    state = State()
    for frames, payload in enumerate(_payloads(data)):
        kind, body = form.unpack(payload)
        if kind == "end":
            _check_end(body, frames)
            indexes.rebuild(state)
            return state
        if (kind == "snapshot") is not (frames == 0):
            raise StorageDamaged("a snapshot must begin with its head")
        _take(state, kind, body)
    raise StorageDamaged("a snapshot ends too early")


def _take(state: State, kind: str, body: msgspec.Raw) -> None:
    try:
        if kind == "snapshot":
            head = msgspec.msgpack.decode(body, type=_Head)
            state.index, state.events_seen = head.index, head.events_seen
            state.brake_since = None if head.brake_since is None else Millis(head.brake_since)
        elif kind in _TABLES:
            table = _TABLES[kind]
            for record in table.decoder.decode(body):
                table.put(state, record)
        else:
            raise StorageDamaged(f"no table is called {kind!r}")
    except msgspec.DecodeError as error:
        raise StorageDamaged(f"the table {kind!r} of a snapshot cannot be read: {error}") from error


def _check_end(body: msgspec.Raw, frames: int) -> None:
    if msgspec.msgpack.decode(body) != frames:
        raise StorageDamaged(f"a snapshot holds {frames} frames, and was written with others")


def _payloads(data: Iterable[bytes]) -> Iterator[bytes]:
    """The checked frames, put together from chunks of any length."""
    buffer = bytearray()
    for chunk in data:
        buffer += chunk
        start = 0
        while (end := _frame_end(buffer, start)) is not None:
            payload = bytes(memoryview(buffer)[start + _HEADER_BYTES : end])
            if zlib.crc32(payload) != int.from_bytes(buffer[start + 4 : start + 8], "big"):
                raise StorageDamaged("a part of a snapshot fails its checksum")
            yield payload
            start = end
        del buffer[:start]
    if buffer:
        raise StorageDamaged("a snapshot ends in the middle of a part")


def _frame_end(buffer: bytearray, start: int) -> int | None:
    """Where the frame at *start* ends; None if not all of it is there yet."""
    if len(buffer) < start + _HEADER_BYTES:
        return None
    length = int.from_bytes(buffer[start : start + 4], "big")
    if length > FRAME_BYTES_MAX:
        raise StorageDamaged(f"a part of a snapshot claims {length} bytes")
    end = start + _HEADER_BYTES + length
    return end if end <= len(buffer) else None


def _put_environment(state: State, record: Environment) -> None:
    state.environments[record.name] = record


def _put_app(state: State, record: App) -> None:
    state.apps[record.key] = record


def _put_release(state: State, record: Release) -> None:
    state.releases.setdefault(record.app, {})[record.number] = record


def _put_service(state: State, record: Service) -> None:
    state.services[record.key] = record


def _put_spec(state: State, record: _Spec) -> None:
    state.specs[record.key] = record.spec


def _put_replica(state: State, record: Replica) -> None:
    state.replicas[record.key] = record


def _put_task(state: State, record: Task) -> None:
    state.tasks[record.id] = record


def _put_node(state: State, record: Node) -> None:
    state.nodes[record.name] = record


def _put_event(state: State, record: Event) -> None:
    state.events.append(record)


def _put_client(state: State, record: _Client) -> None:
    state.clients[record.name] = record.client


def _put_secret(state: State, record: StoredSecret) -> None:
    state.secrets[record.key] = record


def _put_blob(state: State, record: _Blob) -> None:
    state.blobs[record.digest] = record.data


def _releases(state: State) -> list[Release]:
    return [release for releases in state.releases.values() for release in releases.values()]


def _specs(state: State) -> Iterable[_Spec]:
    copy = state.specs.copy()
    return (_Spec(key, spec) for key, spec in copy.items())


def _clients(state: State) -> Iterable[_Client]:
    copy = state.clients.copy()
    return (_Client(name, client) for name, client in copy.items())


def _blobs(state: State) -> Iterable[_Blob]:
    copy = state.blobs.copy()
    return (_Blob(digest, data) for digest, data in copy.items())


_TABLES: Final[Mapping[str, _Table]] = {
    "environments": _Table(
        lambda state: state.environments.copy().values(), _decoder(Environment), _put_environment
    ),
    "apps": _Table(lambda state: state.apps.copy().values(), _decoder(App), _put_app),
    "releases": _Table(_releases, _decoder(Release), _put_release),
    "services": _Table(
        lambda state: state.services.copy().values(), _decoder(Service), _put_service
    ),
    "specs": _Table(_specs, _decoder(_Spec), _put_spec),
    "replicas": _Table(
        lambda state: state.replicas.copy().values(), _decoder(Replica), _put_replica
    ),
    "tasks": _Table(lambda state: state.tasks.copy().values(), _decoder(Task), _put_task),
    "nodes": _Table(lambda state: state.nodes.copy().values(), _decoder(Node), _put_node),
    "events": _Table(lambda state: state.events.copy(), _decoder(Event), _put_event),
    "clients": _Table(_clients, _decoder(_Client), _put_client),
    "secrets": _Table(
        lambda state: state.secrets.copy().values(), _decoder(StoredSecret), _put_secret
    ),
    "blobs": _Table(_blobs, _decoder(_Blob), _put_blob, BLOBS_PER_FRAME_MAX),
}
"""Every table of the truth, in the order in which a snapshot holds them."""
