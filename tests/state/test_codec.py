"""Entries and answers as bytes, over versions."""

from pathlib import Path
from typing import get_args

import pytest

from controlplane.state.codec import (
    FORMAT,
    Format,
    decode_answer,
    decode_entry,
    encode_answer,
    encode_entry,
)
from controlplane.state.commands import Applied, Command, Entry, Refused, SetBrake
from orb.errors import StorageDamaged
from tests.factories import NOW
from tests.state.samples import (
    the_answers,
    the_commands,
    the_commands_of_environments,
    the_commands_of_files,
    the_entries,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "state"


def test_every_entry_comes_back_as_it_was() -> None:
    assert [decode_entry(encode_entry(entry)) for entry in the_entries()] == the_entries()


def test_every_answer_comes_back_as_it_was() -> None:
    assert [decode_answer(encode_answer(answer)) for answer in the_answers()] == the_answers()


def test_the_samples_hold_every_kind_of_command() -> None:
    samples = (*the_commands(), *the_commands_of_files(), *the_commands_of_environments())
    assert {type(command) for command in samples} == set(get_args(Command))


def lines(encoded: list[bytes]) -> str:
    return "".join(f"{record.hex()}\n" for record in encoded)


def golden(name: str, now: str, *, rewrite: bool) -> str:
    """What the file holds. Once written it stays: a new field with a default must not break it."""
    path = GOLDEN / name
    if rewrite and not path.exists():
        path.write_text(now)
    return path.read_text()


def test_entries_of_version_1_are_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    text = golden(
        "entries.v1.hex", lines([encode_entry(e) for e in the_entries()]), rewrite=rewrite
    )
    records = [bytes.fromhex(line) for line in text.splitlines()]
    assert [decode_entry(record) for record in records] == the_entries()


def test_entries_with_configs_and_secrets_are_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    entries = [Entry(command=command, now=NOW) for command in the_commands_of_files()]
    now = lines([encode_entry(entry) for entry in entries])
    text = golden("entries-files.v1.hex", now, rewrite=rewrite)
    assert [decode_entry(bytes.fromhex(line)) for line in text.splitlines()] == entries


def test_entries_about_environments_are_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    entries = [Entry(command=command, now=NOW) for command in the_commands_of_environments()]
    now = lines([encode_entry(entry) for entry in entries])
    text = golden("entries-environments.v1.hex", now, rewrite=rewrite)
    assert [decode_entry(bytes.fromhex(line)) for line in text.splitlines()] == entries


def test_answers_of_version_1_are_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    text = golden(
        "answers.v1.hex", lines([encode_answer(a) for a in the_answers()]), rewrite=rewrite
    )
    records = [bytes.fromhex(line) for line in text.splitlines()]
    assert [decode_answer(record) for record in records] == the_answers()


def test_a_newer_version_is_refused_with_what_to_do() -> None:
    newer = Format(FORMAT.version + 1).pack("answer", ["refused", "no", False])
    with pytest.raises(StorageDamaged) as caught:
        decode_answer(newer)
    assert caught.value.message == "a record is of version 2; this server reads up to 1"
    assert "newer Orb" in caught.value.remedy


def test_an_older_version_is_brought_up_a_step_at_a_time() -> None:
    def named(kind: str, body: object) -> object:
        assert kind == "answer"
        return {"refused": body}

    def tagged(kind: str, body: object) -> object:
        assert (kind, body) == ("answer", {"refused": "no"})
        return ["refused", "no", False]

    third = Format(3, {1: named, 2: tagged})
    assert decode_answer(Format(1).pack("answer", "no"), third) == Refused("no")
    assert decode_answer(Format(2).pack("answer", {"refused": "no"}), third) == Refused("no")


def test_a_version_that_was_never_written_is_damage() -> None:
    with pytest.raises(StorageDamaged, match="version 0"):
        decode_answer(Format(0).pack("answer", "no"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        encode_entry(Entry(command=SetBrake(on=True), now=NOW))[:-1],
        encode_answer(Applied()),
        FORMAT.pack("entry", [1]),
        FORMAT.pack("entry", [1, "", "", "", 0, "Nonsense", {}]),
        FORMAT.pack("entry", [1, "", "", "", 0, "SetBrake", {"on": "yes"}]),
        FORMAT.pack("entry", [1, "", "", "", 0, "Batch", [["Batch", []]]]),
        FORMAT.pack("entry", [1, "", "", "", 0, "Batch", 5]),
    ],
)
def test_what_is_no_entry_is_damage(data: bytes) -> None:
    with pytest.raises(StorageDamaged):
        decode_entry(data)


def test_what_is_no_answer_is_damage() -> None:
    for data in (encode_entry(the_entries()[0]), FORMAT.pack("answer", ["maybe", 1])):
        with pytest.raises(StorageDamaged):
            decode_answer(data)
