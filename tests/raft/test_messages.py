"""The bytes of each message between servers: those of two releases must understand each other."""

from pathlib import Path

import pytest

from controlplane.raft.messages import (
    Append,
    AppendReply,
    Message,
    PreVote,
    PreVoteReply,
    ReadIndex,
    ReadIndexReply,
    Removed,
    RequestVote,
    SnapshotChunk,
    SnapshotReply,
    Stranger,
    TimeoutNow,
    Vote,
    decode,
    encode,
)

EACH: list[Message] = [
    PreVote(3, 300, 2),
    PreVoteReply(2, 3, granted=True),
    RequestVote(3, 300, 2, transfer=False),
    Vote(3, granted=True),
    Append(3, 300, 2, 299, 7, [(3, b"\0command"), (3, b"\1")]),
    AppendReply(3, success=False, index=300, round=7, hint_index=250, hint_term=2),
    SnapshotChunk(3, 300, 2, 0, 70_000, b"piece"),
    SnapshotReply(3, 300, 5),
    TimeoutNow(3),
    ReadIndex(3, 2**40),
    ReadIndexReply(3, 2**40, ok=True, index=300),
    Removed(3, 300),
    Stranger(3),
]
GOLDEN = dict(
    line.split() for line in (Path(__file__).parent / "messages.txt").read_text().splitlines()
)


@pytest.mark.parametrize("message", EACH, ids=lambda message: type(message).__name__)
def test_a_message_has_the_bytes_of_version_1(message: Message) -> None:
    assert encode(message).hex() == GOLDEN[type(message).__name__]
    assert decode(bytes.fromhex(GOLDEN[type(message).__name__])) == message


def test_a_reply_of_a_release_that_did_not_tell_of_its_disk_is_understood() -> None:
    before = bytes.fromhex("970603c2cd012c07ccfa02")
    assert decode(before) == AppendReply(3, False, 300, 7, 250, 2, full=False)  # noqa: FBT003 - a record


def test_every_message_has_its_bytes_on_record() -> None:
    assert {type(message) for message in EACH} == set(Message.__args__)
    assert len(GOLDEN) == len(EACH)
