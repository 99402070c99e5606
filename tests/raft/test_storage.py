"""The disk: what was synced comes back, a torn tail is cut, damage is refused and explained."""

import errno
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.raft.disk import FolderDisk
from controlplane.raft.segments import Entry, HardState, RecoveredLog, Reset, Segments
from controlplane.raft.server import FULL
from controlplane.raft.snapshots import MemberRecord, Snapshots
from controlplane.raft.storage import Storage
from orb.errors import StorageDamaged
from tests.raft.simdisk import SimDisk

GOLDEN = Path(__file__).parent / "golden"
SALT = b"saltsalt"
CONFIG = {
    "s1": MemberRecord("127.0.0.1:1", votes=True, identity="aa"),
    "s2": MemberRecord("127.0.0.1:2", votes=False),
}


def entries(first: int, last: int, term: int = 1) -> list[Entry]:
    return [Entry(index, term, b"\0command %d" % index) for index in range(first, last + 1)]


def segments(disk: SimDisk | FolderDisk, size: int = 4096) -> Segments:
    return Segments(disk, size, lambda: SALT)


def load(disk: SimDisk | FolderDisk) -> RecoveredLog:
    return segments(disk).load()


def written(*batches: list[Entry | HardState | Reset], size: int = 4096) -> SimDisk:
    disk = SimDisk(random.Random(1))
    log = segments(disk, size)
    log.load()
    for batch in batches:
        log.append(batch)
    return disk


def identified(disk: SimDisk | FolderDisk) -> None:
    disk.create("identity")
    disk.write("identity", 0, b"orb-raft 1 0123456789abcdef\n")


def only_file(disk: SimDisk) -> bytearray:
    (name,) = [name for name in disk.names() if name.startswith("log-")]
    return disk._file(name).data


def test_what_was_appended_comes_back_in_order() -> None:
    disk = written([HardState(3, "s2"), *entries(2, 5)], entries(6, 7))
    found = load(disk)
    assert (found.hard, found.entries) == (HardState(3, "s2"), entries(2, 7))


def test_an_entry_takes_the_place_of_what_was_there_and_behind() -> None:
    disk = written(entries(2, 6), entries(4, 4, term=2))
    assert load(disk).entries == [*entries(2, 3), *entries(4, 4, term=2)]


def test_many_segments_are_read_as_one_log_and_dropped_from_the_front() -> None:
    disk = written(*([entry] for entry in entries(2, 200)), size=1024)
    log = segments(disk, 1024)
    assert log.load().entries == entries(2, 200)
    before = len(disk.names())
    log.drop_to(150)
    assert len(disk.names()) < before
    kept = load(disk).entries
    assert kept == entries(kept[0].index, 200)
    assert 140 < kept[0].index <= 151


def test_term_and_vote_survive_the_dropping_of_their_segment() -> None:
    disk = written([HardState(7, "s3")], *([entry] for entry in entries(2, 100)), size=1024)
    log = segments(disk, 1024)
    log.load()
    log.drop_to(100)
    assert load(disk).hard == HardState(7, "s3")


@pytest.mark.parametrize("cut", range(1, 50, 7))
def test_a_torn_tail_is_cut(cut: int) -> None:
    disk = written(entries(2, 3), entries(4, 5))
    data = only_file(disk)
    end = len(data.rstrip(b"\0"))
    data[end - cut : end] = bytes(cut)
    found = load(disk)
    assert found.entries == entries(2, 3)
    assert found.cut_bytes > 0
    assert load(disk).entries == entries(2, 3)


def test_after_a_torn_tail_the_log_goes_on() -> None:
    disk = written(entries(2, 3), entries(4, 5))
    data = only_file(disk)
    data[len(data.rstrip(b"\0")) - 3 :] = b""
    log = segments(disk)
    log.load()
    log.append(entries(4, 9, term=2))
    assert load(disk).entries == [*entries(2, 3), *entries(4, 9, term=2)]


def test_a_damaged_middle_is_refused_with_what_to_do() -> None:
    disk = written(entries(2, 3), entries(4, 5), entries(6, 7))
    data = only_file(disk)
    data[data.find(b"command 4")] ^= 1
    with pytest.raises(StorageDamaged, match="newer data is not") as caught:
        load(disk)
    assert "do not start this server on an empty folder" in caught.value.remedy


def test_a_missing_segment_is_refused() -> None:
    disk = written(*([entry] for entry in entries(2, 200)), size=1024)
    identified(disk)
    Snapshots(disk).write(10, 1, CONFIG, [b"state"])
    disk.remove([name for name in disk.names() if name.startswith("log-")][2])
    with pytest.raises(StorageDamaged, match="but the snapshot ends at 10"):
        Storage(disk, 1024, lambda: SALT).load()


def test_an_old_segment_that_came_back_is_dropped() -> None:
    disk = written(*([entry] for entry in entries(2, 200)), size=1024)
    identified(disk)
    Snapshots(disk).write(190, 1, CONFIG, [b"state"])
    logs = [name for name in disk.names() if name.startswith("log-")]
    for name in logs[1:4]:
        disk.remove(name)
    found = Storage(disk, 1024, lambda: SALT).load()
    assert found.entries[-1] == Entry(200, 1, b"\0command 200")
    assert logs[0] not in disk.names()


def test_a_command_that_looks_like_a_frame_is_not_taken_for_one() -> None:
    inner = bytes(only_file(written(entries(2, 2))).rstrip(b"\0"))
    disk = SimDisk(random.Random(1))
    log = Segments(disk, 4096, lambda: b"othersal")
    log.load()
    log.append([Entry(2, 1, b"\0" + inner * 3)])
    data = only_file(disk)
    data[len(data.rstrip(b"\0")) - 1 :] = b""
    assert load(disk).entries == []


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 7))
def test_any_flipped_bit_is_cut_or_refused_and_never_believed(at: int, bit: int) -> None:
    disk = written(entries(2, 3), entries(4, 5), entries(6, 7))
    data = only_file(disk)
    at %= len(data.rstrip(b"\0"))
    data[at] ^= 1 << bit
    try:
        found = load(disk).entries
    except StorageDamaged:
        return
    assert found in ([], entries(2, 3), entries(2, 5), entries(2, 7))


def test_a_newer_format_is_refused_by_name() -> None:
    disk = written(entries(2, 3))
    data = only_file(disk)
    data[8] = 9
    data[20:24] = zlib.crc32(bytes(data[:20])).to_bytes(4, "little")
    with pytest.raises(StorageDamaged, match="format 9"):
        load(disk)


def test_a_full_disk_changes_nothing_and_is_survived() -> None:
    disk = written(entries(2, 3))
    log = segments(disk)
    log.load()
    disk.full = True
    for _ in range(5):
        with pytest.raises(OSError, match="no space"):
            log.append(entries(4, 40))
    disk.full = False
    log.append(entries(4, 4))
    assert load(disk).entries == entries(2, 4)


def test_a_snapshot_comes_back_with_its_chunks() -> None:
    snapshots = Snapshots(SimDisk(random.Random(1)))
    info = snapshots.write(9, 2, CONFIG, [b"one", b"two" * 1000])
    assert snapshots.load() == info
    assert (info.index, info.term, info.config) == (9, 2, CONFIG)
    assert list(snapshots.chunks(info)) == [b"one", b"two" * 1000]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 7))
def test_any_flipped_bit_of_a_snapshot_is_refused(at: int, bit: int) -> None:
    disk = SimDisk(random.Random(1))
    info = Snapshots(disk).write(9, 2, CONFIG, [b"one", b"two" * 20])
    data = disk._file(info.name).data
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(StorageDamaged):
        Snapshots(disk).load()


def test_a_newer_snapshot_replaces_a_log_that_it_contradicts() -> None:
    disk = written(entries(2, 9))
    identified(disk)
    Snapshots(disk).write(20, 3, CONFIG, [b"state"])
    found = Storage(disk, 4096, lambda: SALT).load()
    assert (found.anchor, list(found.entries), found.replaced) == ((20, 3), [], Reset(20, 3))


def test_entries_behind_a_snapshot_are_kept() -> None:
    disk = written(entries(2, 9))
    identified(disk)
    Snapshots(disk).write(5, 1, CONFIG, [b"state"])
    found = Storage(disk, 4096, lambda: SALT).load()
    assert (found.anchor, list(found.entries)) == ((2, 1), entries(3, 9))


def test_a_log_that_begins_behind_its_snapshot_is_refused() -> None:
    disk = written(entries(20, 29))
    identified(disk)
    with pytest.raises(StorageDamaged, match="begins at entry 20"):
        Storage(disk, 4096, lambda: SALT).load()


def test_a_failed_device_is_not_taken_for_a_full_one() -> None:
    assert errno.EIO not in FULL


def test_the_files_of_version_1_are_still_read(tmp_path: Path) -> None:
    for file in GOLDEN.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    disk = FolderDisk(tmp_path)
    found = Storage(disk, 4096, lambda: SALT).load()
    disk.close()
    assert found.snapshot is not None
    assert found.snapshot.config == CONFIG
    assert (found.hard, found.anchor, list(found.entries)) == (
        HardState(3, "s2"),
        (2, 1),
        entries(3, 9),
    )


def test_version_1_is_still_written_as_it_was(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    log = segments(disk)
    log.load()
    log.append([HardState(3, "s2"), *entries(2, 9)])
    identified(disk)
    Snapshots(disk).write(5, 1, CONFIG, [b"state"])
    disk.close()
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (GOLDEN / file.name).read_bytes()


def test_a_folder_keeps_its_identity_and_a_new_one_gets_another() -> None:
    disk = SimDisk(random.Random(1))
    first = Storage(disk, 4096, lambda: b"saltsalt").load().identity
    assert Storage(disk, 4096, lambda: b"othersal").load().identity == first
    assert Storage(SimDisk(random.Random(1)), 4096, lambda: b"othersal").load().identity != first


def test_a_log_without_its_identity_is_refused() -> None:
    with pytest.raises(StorageDamaged, match="identity is missing"):
        Storage(written(entries(2, 3)), 4096, lambda: SALT).load()
