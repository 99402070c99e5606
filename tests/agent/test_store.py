from pathlib import Path

import pytest

from agent.store import DiskStore, Kept, MemoryStore, Store
from orb.ids import TaskId
from orb.spec import Healthcheck, Port
from tests.agent.builders import an_assignment
from tests.factories import a_report

KEPT = Kept(
    an_assignment(
        7, ports=(Port(target=80),), healthcheck=Healthcheck(test=("CMD", "true"), retries=9)
    ),
    a_report(7, message="grüß\ndich"),
)


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return DiskStore(tmp_path) if request.param == "disk" else MemoryStore()


def test_what_is_kept_is_loaded(store: Store) -> None:
    store.keep(Kept(KEPT.assignment, a_report(7)))
    store.keep(KEPT)

    assert list(store.load()) == [KEPT]


def test_what_is_forgotten_is_not_loaded(store: Store) -> None:
    store.keep(KEPT)
    store.forget(TaskId(7))
    store.forget(TaskId(8))

    assert list(store.load()) == []


def test_another_store_in_the_same_folder_finds_what_was_kept(tmp_path: Path) -> None:
    DiskStore(tmp_path).keep(KEPT)

    assert list(DiskStore(tmp_path).load()) == [KEPT]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":2,"kept":{}}', b"\xff\x00"])
def test_a_damaged_file_is_set_aside_and_the_others_are_loaded(
    tmp_path: Path, content: bytes
) -> None:
    store = DiskStore(tmp_path)
    store.keep(KEPT)
    damaged = tmp_path / "tasks" / "8.json"
    damaged.write_bytes(content)

    assert list(store.load()) == [KEPT]
    assert not damaged.exists()
    assert (tmp_path / "damaged" / "8.json").read_bytes() == content


def test_a_file_of_a_version_to_come_is_set_aside(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.keep(KEPT)
    path = tmp_path / "tasks" / "7.json"
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":99'))

    assert list(store.load()) == []
    assert (tmp_path / "damaged" / "7.json").exists()


def test_a_disk_that_takes_nothing_does_not_stop_the_agent(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    (tmp_path / "tasks" / "7.partial").mkdir()

    store.keep(KEPT)
    store.keep(KEPT)

    assert list(store.load()) == []
