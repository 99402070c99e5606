import pytest

from agent.intake import Difference, Gap, Intake, WholeSet
from orb.errors import InvalidInput
from orb.ids import TaskId
from orb.v1 import agent_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from tests.agent.builders import an_assignment


def assignments(*numbers: int) -> list[types_pb2.Assignment]:
    return [to_message(an_assignment(number), types_pb2.Assignment) for number in numbers]


def test_a_whole_set_is_taken_as_it_is() -> None:
    intake = Intake()

    taken = intake.take(pb.Assignments(version=4, full=True, set=assignments(1, 2)))

    assert taken == WholeSet([an_assignment(1), an_assignment(2)])
    assert intake.version == 4


def test_a_whole_set_in_parts_counts_only_when_it_is_complete() -> None:
    intake = Intake()

    first = intake.take(pb.Assignments(version=1, full=True, more=True, set=assignments(1)))
    assert (first, intake.version) == (None, 0)

    second = intake.take(pb.Assignments(version=1, full=True, set=assignments(2)))
    assert second == WholeSet([an_assignment(1), an_assignment(2)])
    assert intake.version == 1


def test_differences_follow_the_whole_set() -> None:
    intake = Intake()
    intake.take(pb.Assignments(version=1, full=True))

    taken = intake.take(pb.Assignments(version=2, set=assignments(3), remove=[1, 2]))

    assert taken == Difference([an_assignment(3)], [TaskId(1), TaskId(2)])
    assert intake.version == 2


@pytest.mark.parametrize("version", [1, 3, 0])
def test_a_version_that_does_not_follow_is_a_gap(version: int) -> None:
    intake = Intake()
    intake.take(pb.Assignments(version=1, full=True))

    with pytest.raises(Gap):
        intake.take(pb.Assignments(version=version))


def test_a_difference_before_or_amid_the_whole_set_is_a_gap() -> None:
    with pytest.raises(Gap):
        Intake().take(pb.Assignments(version=1))
    intake = Intake()
    intake.take(pb.Assignments(version=1, full=True, more=True))
    with pytest.raises(Gap):
        intake.take(pb.Assignments(version=2))


def test_what_cannot_be_read_is_refused_as_a_whole() -> None:
    broken = assignments(1)
    broken[0].desired = types_pb2.DESIRED_UNSPECIFIED

    with pytest.raises(InvalidInput, match=r"set\.0"):
        Intake().take(pb.Assignments(version=1, full=True, set=broken))
