"""The whole state as a stream, and back."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from controlplane.state import invariants, snapshots
from controlplane.state.apply import apply
from controlplane.state.codec import FORMAT, Format
from controlplane.state.commands import DeleteApp, Entry, SetBrake, SetSecret
from controlplane.state.tables import State
from orb.errors import StorageDamaged
from orb.ids import AppKey, TaskId
from tests.factories import NOW, a_service, a_state_with, a_task
from tests.state.samples import the_state, the_state_with_files

GOLDEN = Path(__file__).parents[1] / "golden" / "state" / "snapshot.v1.bin"


def same(left: State, right: State) -> bool:
    """Equal in all but `assigned_at`, which a restore makes anew."""
    names = [field.name for field in fields(State) if field.name != "assigned_at"]
    return all(getattr(left, name) == getattr(right, name) for name in names)


def big_state() -> State:
    tasks = (a_task(number, f"web/{number}", node="n1") for number in range(1, 1201))
    return a_state_with(a_service(replicas=1200), *tasks)


def test_a_state_comes_back_as_it_was_however_the_stream_is_cut() -> None:
    state = the_state()
    assert invariants.check(state) == []
    whole = b"".join(snapshots.chunks(state))
    for size in (1, 7, len(whole)):
        cut = (whole[at : at + size] for at in range(0, len(whole), size))
        back = snapshots.restored(cut)
        assert same(back, state)
        assert b"".join(snapshots.chunks(back)) == whole


def test_a_snapshot_is_of_the_moment_it_was_asked_for() -> None:
    state = the_state()
    before = the_state()
    stream = snapshots.chunks(state)
    apply(state, Entry(command=DeleteApp(app=AppKey("default", "shop")), now=NOW), 101)
    apply(state, Entry(command=SetBrake(on=False), now=NOW), 102)
    assert same(snapshots.restored(stream), before)


def test_a_large_table_comes_in_several_parts() -> None:
    parts = list(snapshots.chunks(big_state()))
    assert len(parts) == 1 + 1 + 1 + 1 + 1 + 1 + 3 + 3 + 1 + 1
    assert max(map(len, parts)) < 500_000


def test_the_snapshot_of_version_1_is_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    if rewrite and not GOLDEN.exists():
        GOLDEN.write_bytes(b"".join(snapshots.chunks(the_state())))
    assert same(snapshots.restored([GOLDEN.read_bytes()]), the_state())


def test_a_snapshot_with_configs_and_secrets_is_read_for_ever(rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    path = GOLDEN.with_name("snapshot-files.v1.bin")
    if rewrite and not path.exists():
        path.write_bytes(b"".join(snapshots.chunks(the_state_with_files())))
    back = snapshots.restored([path.read_bytes()])
    assert same(back, the_state_with_files())
    assert invariants.check(back) == []


def test_contents_come_a_few_at_a_time() -> None:
    state = State()
    for number in range(10):
        content = bytes([number]) * 100_000
        command = SetSecret(environment="default", name=f"s{number}", content=content)
        apply(state, Entry(command=command, now=NOW), number + 1)
    parts = list(snapshots.chunks(state))
    assert max(map(len, parts)) < 401_000
    assert same(snapshots.restored(parts), state)


def test_every_flipped_byte_is_noticed() -> None:
    whole = b"".join(snapshots.chunks(a_state_with(a_service(), a_task(1, node="n1"))))
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        with pytest.raises(StorageDamaged):
            snapshots.restored([bytes(damaged)])


def test_a_snapshot_that_ends_early_or_misses_a_part_is_damage() -> None:
    parts = list(snapshots.chunks(the_state()))
    whole = b"".join(parts)
    bad: tuple[list[bytes], ...] = (
        [],
        parts[:-1],
        [whole[:-1]],
        parts[1:],
        [*parts[:2], *parts[3:]],
        [*parts[:1], *parts],
    )
    for stream in bad:
        with pytest.raises(StorageDamaged):
            snapshots.restored(stream)


def test_an_unknown_table_or_a_newer_version_is_refused() -> None:
    newer = Format(FORMAT.version + 1)
    with pytest.raises(StorageDamaged, match="version 2"):
        snapshots.restored(snapshots.chunks(the_state(), newer))
    head = next(iter(snapshots.chunks(State())))
    with pytest.raises(StorageDamaged, match="no table is called 'volumes'"):
        snapshots.restored([head, snapshots.frame(FORMAT.pack("volumes", []))])
    with pytest.raises(StorageDamaged, match="'tasks' of a snapshot cannot be read"):
        snapshots.restored([head, snapshots.frame(FORMAT.pack("tasks", [5]))])


def test_a_restored_state_names_its_own_index_for_every_node() -> None:
    state = the_state()
    back = snapshots.restored(snapshots.chunks(state))
    assert back.assigned_at == dict.fromkeys(state.nodes, state.index)


def test_a_changed_task_is_not_changed_in_a_snapshot_under_way() -> None:
    state = the_state()
    stream = iter(snapshots.chunks(state))
    first = next(stream)
    state.tasks[TaskId(7)] = replace(state.tasks[TaskId(7)], message="later")
    back = snapshots.restored([first, *stream])
    assert back.tasks[TaskId(7)].message == ""
