"""What servers say to each other: typed records, msgpack bytes, and nothing that can run."""

from typing import Annotated, Final

from msgspec import DecodeError, Meta, Struct, ValidationError, msgpack

Count = Annotated[int, Meta(ge=0, le=2**62)]
"""A term, an index, a length: never negative."""

Name = Annotated[str, Meta(min_length=1, max_length=253)]
"""The name of a server."""


class PreVote(Struct, frozen=True, array_like=True, tag=1):
    """Would you vote for me in *term*? Changes nothing anywhere (thesis 9.6)."""

    term: Count
    last_index: Count
    last_term: Count


class PreVoteReply(Struct, frozen=True, array_like=True, tag=2):
    """The answer for *asked*; *term* is where the answering server stands."""

    term: Count
    asked: Count
    granted: bool


class RequestVote(Struct, frozen=True, array_like=True, tag=3):
    """Vote for me (paper 5.2). *transfer*: the leader itself wants it, so do not protect it."""

    term: Count
    last_index: Count
    last_term: Count
    transfer: bool


class Vote(Struct, frozen=True, array_like=True, tag=4):
    """The answer to a RequestVote of *term*, sent only when it is durable."""

    term: Count
    granted: bool


class Append(Struct, frozen=True, array_like=True, tag=5):
    """AppendEntries (paper 5.3). *prev_index* 0 is a heartbeat that claims nothing."""

    term: Count
    prev_index: Count
    prev_term: Count
    commit: Count
    round: Count
    """The newest read round; the reply gives it back (thesis 6.4)."""
    entries: list[tuple[Count, bytes]]
    """(term, command) from prev_index + 1 on."""


class AppendReply(Struct, frozen=True, array_like=True, tag=6):
    """On success *index* is durable here and equals the leader's; else it is the refused prev."""

    term: Count
    success: bool
    index: Count
    round: Count
    hint_index: Count
    hint_term: Count
    full: bool = False
    """This server's disk takes nothing more."""


class SnapshotChunk(Struct, frozen=True, array_like=True, tag=7):
    """A piece of the leader's snapshot file (paper 7)."""

    term: Count
    index: Count
    last_term: Count
    offset: Count
    total: Count
    data: bytes


class SnapshotReply(Struct, frozen=True, array_like=True, tag=8):
    """The next byte wanted of the snapshot at *index*."""

    term: Count
    index: Count
    offset: Count


class TimeoutNow(Struct, frozen=True, array_like=True, tag=9):
    """Campaign at once: the leader hands over (thesis 3.10)."""

    term: Count


class ReadIndex(Struct, frozen=True, array_like=True, tag=10):
    """Up to where must I have applied to read what is acknowledged? (thesis 6.4)."""

    term: Count
    request: Count


class ReadIndexReply(Struct, frozen=True, array_like=True, tag=11):
    """The answer to ReadIndex; not *ok* if the asked server cannot tell."""

    term: Count
    request: Count
    ok: bool
    index: Count


class Removed(Struct, frozen=True, array_like=True, tag=12):
    """You are no longer a member: the change at *index* is agreed on."""

    term: Count
    index: Count


class Stranger(Struct, frozen=True, array_like=True, tag=13):
    """Your folder is not the one that this cluster knows under your name."""

    term: Count


Message = (
    PreVote
    | PreVoteReply
    | RequestVote
    | Vote
    | Append
    | AppendReply
    | SnapshotChunk
    | SnapshotReply
    | TimeoutNow
    | ReadIndex
    | ReadIndexReply
    | Removed
    | Stranger
)


class Hello(Struct, frozen=True, array_like=True, tag=0):
    """What a connection begins with, before any message."""

    identity: Annotated[str, Meta(min_length=1, max_length=64)]
    """Of the sender's folder (controlplane.raft.membership)."""
    address: Annotated[str, Meta(max_length=300)]
    """host:port where the sender listens for other servers."""


_encoder: Final = msgpack.Encoder()
_decoder: Final = msgpack.Decoder(Message)


_hello_decoder: Final = msgpack.Decoder(Hello)


def decode_hello(data: bytes) -> Hello:
    """Return the greeting in *data*. Raises ValueError if it is none."""
    try:
        hello: Hello = _hello_decoder.decode(data)
    except (DecodeError, ValidationError, RecursionError) as error:
        raise ValueError(f"not a greeting between servers: {error}") from error
    return hello


def encode(message: Message | Hello) -> bytes:
    """Return the bytes of *message*."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Return the message in *data*. Raises ValueError if it is none of ours."""
    try:
        message: Message = _decoder.decode(data)
    except (DecodeError, ValidationError, RecursionError) as error:
        raise ValueError(f"not a message between servers: {error}") from error
    return message
