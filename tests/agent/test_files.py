"""Where configs and secrets are put, with which owner and permissions, and how they go."""

import os
from pathlib import Path

import pytest

from agent.files import DiskFiles
from agent.runtime.base import RuntimeFailure
from agent.runtime.places import Places, is_in_memory, memory_folder
from orb.contents import FileKind, Grant, digest_of
from orb.errors import InvalidInput
from orb.ids import TaskId
from orb.spec import ContainerSpec, TaskSpec
from orb.work import Assignment
from tests.agent.builders import an_assignment
from tests.factories import a_grant

ONE, TWO = digest_of(b"one"), digest_of(b"two")
CONTENTS = {ONE: b"one", TWO: b"two"}
CONFIG = a_grant("site", b"one")
SECRET = a_grant("pass", b"two", kind=FileKind.SECRET, mode=0o400)
ROOT = os.geteuid() == 0


def task(*grants: Grant, number: int = 1) -> Assignment:
    container = ContainerSpec(image="app:v1", files=grants)
    return an_assignment(number, spec=TaskSpec(container=container))


def a_store(tmp_path: Path) -> tuple[DiskFiles, Places]:
    places = Places(tmp_path / "data" / "configs", tmp_path / "memory" / "n1" / "secrets")
    return DiskFiles(places), places


async def test_files_are_where_the_places_say_whole_and_with_their_permissions(
    tmp_path: Path,
) -> None:
    store, places = a_store(tmp_path)
    assignment = task(CONFIG, SECRET)
    assert store.missing(assignment) == [ONE, TWO]
    await store.put(assignment, CONTENTS)
    assert store.missing(assignment) == []
    found = dict(places.files(TaskId(1), assignment.spec.container.files))
    assert {grant.name: path.read_bytes() for grant, path in found.items()} == {
        "site": b"one",
        "pass": b"two",
    }
    assert found[SECRET] == tmp_path / "memory" / "n1" / "secrets" / "1" / "1-pass"
    assert {path.stat().st_mode & 0o7777 for path in found.values()} == {0o444, 0o400}
    folders = [path.parent for path in found.values()]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    assert [folder.parent.stat().st_mode & 0o777 for folder in folders] == [0o711, 0o711]
    assert sorted(path.name for folder in folders for path in folder.iterdir()) == [
        "0-site",
        "1-pass",
    ]


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
async def test_a_file_has_the_owner_that_it_should(tmp_path: Path) -> None:
    store, places = a_store(tmp_path)
    grant = Grant(kind=FileKind.CONFIG, name="a", digest=ONE, target="/a", uid=33, gid=34)
    await store.put(task(grant), CONTENTS)
    ((_, path),) = places.files(TaskId(1), [grant])
    assert (path.stat().st_uid, path.stat().st_gid) == (33, 34)


async def test_what_is_there_is_not_asked_for_again_and_what_was_lost_is(tmp_path: Path) -> None:
    store, places = a_store(tmp_path)
    assignment = task(CONFIG, SECRET)
    await store.put(assignment, CONTENTS)
    again = DiskFiles(places)
    assert again.missing(assignment) == []
    places.files(TaskId(1), assignment.spec.container.files)[1][1].unlink()
    assert again.missing(assignment) == [TWO]
    await again.put(assignment, {TWO: b"two"})
    assert again.missing(assignment) == []


async def test_the_files_go_with_their_task_and_with_no_other(tmp_path: Path) -> None:
    store, _ = a_store(tmp_path)
    for number in (1, 2, 3):
        await store.put(task(CONFIG, SECRET, number=number), CONTENTS)
    assert store.tasks() == [1, 2, 3]
    await store.remove(TaskId(2))
    await store.remove(TaskId(9))
    assert store.tasks() == [1, 3]


async def test_without_a_folder_in_memory_secrets_are_refused_and_configs_are_not(
    tmp_path: Path,
) -> None:
    store = DiskFiles(Places(tmp_path / "configs", None))
    await store.put(task(CONFIG), CONTENTS)
    with pytest.raises(RuntimeFailure, match="no folder in memory for secrets"):
        await store.put(task(SECRET, number=2), CONTENTS)
    assert store.missing(task(SECRET, number=2)) == [TWO]
    assert store.tasks() == [1]


async def test_a_way_that_others_can_change_is_refused(tmp_path: Path) -> None:
    store, _ = a_store(tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory").chmod(0o777)
    with pytest.raises(RuntimeFailure, match="others can change what is in"):
        await store.put(task(SECRET), CONTENTS)


SHM = "/dev/shm"  # noqa: S108 - nothing is written there
MOUNTS = """\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /dev/shm rw - tmpfs tmpfs rw
23 21 0:21 / /mnt/with\\040space rw shared:1 - tmpfs none rw
24 22 0:22 / /dev/shm/disk rw - ext4 /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SHM, True),
        (f"{SHM}/orb/n1", True),
        ("/mnt/with space/orb", True),
        (f"{SHM}/disk/orb", False),
        ("/mnt/with", False),
        ("/", False),
    ],
)
def test_what_is_in_memory_is_known_by_its_mount(path: str, expected: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_in_memory(Path(path), MOUNTS) is expected


def test_the_folder_is_the_first_that_is_in_memory_or_the_one_that_was_named() -> None:
    found = memory_folder("", MOUNTS)
    assert found is not None
    assert found.parent == Path(SHM)
    assert memory_folder("/mnt/with space", MOUNTS) == Path("/mnt/with space")
    assert memory_folder("", "") is None
    with pytest.raises(InvalidInput, match="which is not in memory"):
        memory_folder("/var/lib", MOUNTS)
