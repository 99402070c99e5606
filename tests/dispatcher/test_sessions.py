"""What connected agents are told: everything first, then only what has changed."""

import pytest

from controlplane.dispatcher.contents import NEEDS_MAX
from controlplane.dispatcher.messages import Encoder
from controlplane.dispatcher.sessions import COMMANDS_WAITING_MAX, SILENT_S_MAX, Session, Sessions
from controlplane.state import indexes
from controlplane.state.tables import State, changed
from orb.contents import FileKind, digest_of
from orb.errors import Unavailable
from orb.ids import NodeName, TaskId
from orb.lifecycle import Desired, TaskState
from orb.v1 import agent_pb2 as pb
from orb.wire import to_record
from orb.work import Assignment
from tests.factories import (
    a_grant,
    a_node,
    a_service,
    a_state_with,
    a_task,
    a_task_spec,
    with_files,
)

N1 = NodeName("n1")


def told(session: Session, state: State, encoder: Encoder | None = None) -> list[pb.Assignments]:
    found = session.messages(state, encoder or Encoder())
    return [message.assignments for message in found]


def brief(assignments: pb.Assignments) -> tuple[int, bool, dict[int, Desired], list[int]]:
    records = [to_record(message, Assignment) for message in assignments.set]
    return (
        assignments.version,
        assignments.full,
        {record.task: record.desired for record in records},
        list(assignments.remove),
    )


def move(state: State, task: int, /, **changes: object) -> None:
    """What apply does."""
    state.index += 1
    indexes.put_task(state, changed(state.tasks[TaskId(task)], **changes))


def test_the_first_look_is_whole_and_then_there_are_differences() -> None:
    state = a_state_with(
        a_service(),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n1"),
        a_task(3, "web/3"),
    )
    session = Session(N1, [])
    seen = [brief(one) for one in told(session, state)]
    assert told(session, state) == []
    move(state, 2, desired=Desired.STOP)
    move(state, 3, node=N1, state=TaskState.ASSIGNED)
    assert session.is_behind(state)
    seen += [brief(one) for one in told(session, state)]
    assert not session.is_behind(state)
    assert seen == [
        (1, True, {1: Desired.RUN, 2: Desired.RUN}, []),
        (2, False, {2: Desired.STOP, 3: Desired.RUN}, []),
    ]


def test_the_first_look_of_an_empty_node_is_an_empty_whole_set() -> None:
    assert [brief(one) for one in told(Session(N1, []), State())] == [(1, True, {}, [])]


def test_an_ended_task_is_stopped_and_goes_once_it_is_reaped() -> None:
    state = a_state_with(a_service(), a_task(1, "web/1", node="n1"))
    session = Session(N1, [])
    seen = [brief(one) for one in told(session, state)]
    move(state, 1, state=TaskState.FAILED, ready=False)
    seen += [brief(one) for one in told(session, state)]
    assert not session.must_clear(state)
    state.index += 1
    indexes.drop_task(state, state.tasks[TaskId(1)])
    assert not session.is_behind(state)
    assert session.must_clear(state)
    session.look_again()
    seen += [brief(one) for one in told(session, state)]
    assert not session.must_clear(state)
    assert seen == [
        (1, True, {1: Desired.RUN}, []),
        (2, False, {1: Desired.STOP}, []),
        (3, False, {}, [1]),
    ]


def test_an_agent_that_comes_back_keeps_the_ended_tasks_that_it_has() -> None:
    state = a_state_with(
        a_service(), a_task(1, "web/1", node="n1", state=TaskState.FAILED), a_task(2, node="n1")
    )
    session = Session(N1, [TaskId(1), TaskId(2), TaskId(9)])
    assert [brief(one) for one in told(session, state)] == [
        (1, True, {1: Desired.STOP, 2: Desired.RUN}, [])
    ]


def test_a_lost_task_goes_at_once() -> None:
    state = a_state_with(a_service(), a_task(1, "web/1", node="n1"))
    session = Session(N1, [])
    told(session, state)
    move(state, 1, state=TaskState.LOST, ready=False)
    assert [brief(one) for one in told(session, state)] == [(2, False, {}, [1])]


def test_a_set_too_large_for_one_message_comes_in_several() -> None:
    service = a_service()
    spec = a_task_spec(environment={"A": "x" * 900})
    tasks = [a_task(number, f"web/{number}", node="n1") for number in range(1, 6)]
    state = a_state_with(service, *tasks, specs={(service.key, 1): spec})
    session = Session(N1, [])
    whole = told(session, state, Encoder(bytes_aim=1_000))
    assert [(len(one.set), one.version, one.full, one.more) for one in whole] == [
        (1, 1, True, True),
        (1, 1, True, True),
        (1, 1, True, True),
        (1, 1, True, True),
        (1, 1, True, False),
    ]
    for number in range(1, 6):
        move(state, number, desired=Desired.STOP)
    later = told(session, state, Encoder(bytes_aim=1_000))
    assert [(len(one.set), one.version, one.full, one.more) for one in later] == [
        (1, version, False, False) for version in range(2, 7)
    ]


def test_commands_come_before_assignments_and_have_a_bound() -> None:
    session = Session(N1, [])
    start = pb.ServerMessage(start_logs=pb.StartLogs(stream=1, task=5))
    for _ in range(COMMANDS_WAITING_MAX):
        session.command(start)
    with pytest.raises(Unavailable, match="500 commands wait for the agent of n1 already"):
        session.command(start)
    stop = pb.ServerMessage(stop_stream=pb.StopStream(stream=1))
    session.command(stop)
    sent = list(session.messages(State(), Encoder()))
    assert sent[:COMMANDS_WAITING_MAX] == [start] * COMMANDS_WAITING_MAX
    assert sent[COMMANDS_WAITING_MAX] == stop
    assert sent[-1].assignments.full


def test_the_newest_session_of_a_node_wins() -> None:
    left: list[str] = []
    sessions = Sessions(left.append)
    old, new = Session(N1, []), Session(N1, [])
    sessions.enter(old)
    sessions.enter(new)
    assert old.ended is not None
    assert new.ended is None
    assert left == ["n1"]
    sessions.leave(old)  # it notices late, and must not take the new one along
    sessions.tell(N1, pb.ServerMessage())
    sessions.leave(new)
    assert left == ["n1", "n1"]
    with pytest.raises(Unavailable, match="the agent of n1 is not connected to the leader"):
        sessions.tell(N1, pb.ServerMessage())


def test_only_sessions_that_are_behind_are_woken() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1"), a_task(2, "web/2", node="n2"))
    sessions = Sessions(lambda _: None)
    first, second = Session(N1, []), Session(NodeName("n2"), [])
    for session in (first, second):
        sessions.enter(session)
        told(session, state)
        session.wake.clear()
    move(state, 1, desired=Desired.STOP)
    sessions.wake_those_behind(state)
    assert (first.wake.is_set(), second.wake.is_set()) == (True, False)


def test_a_silent_session_is_ended() -> None:
    sessions = Sessions(lambda _: None)
    silent, lively = Session(N1, []), Session(NodeName("n2"), [])
    for session in (silent, lively):
        sessions.enter(session)
    lively.heard_s = SILENT_S_MAX
    sessions.sweep(State(), SILENT_S_MAX + 1)
    assert (silent.ended is None, lively.ended is None) == (False, True)


def test_a_session_whose_node_was_removed_is_ended_so_that_it_joins_anew() -> None:
    state = State()
    sessions = Sessions(lambda _: None)
    session = Session(N1, [])
    sessions.enter(session)
    sessions.sweep(state, 0)  # it has not been registered yet
    state.nodes[N1] = a_node("n1")
    sessions.sweep(state, 0)
    assert session.ended is None
    del state.nodes[N1]
    sessions.sweep(state, 0)
    assert session.ended is not None
    assert session.ended.message == "n1 was removed from the cluster"


def test_a_spec_is_encoded_once_for_all_its_tasks() -> None:
    state = a_state_with(a_service(), *(a_task(n, f"web/{n}", node="n1") for n in (1, 2)))
    encoder = Encoder()
    list(Session(N1, []).messages(state, encoder))
    assert len(encoder._specs) == 1


def files(session: Session, state: State) -> list[list[bytes]]:
    found = session.messages(state, Encoder())
    return [list(m.contents.contents) for m in found if m.HasField("contents")]


def a_state_with_files(*contents: bytes, kind: FileKind = FileKind.SECRET) -> State:
    """`web/1` on n1 sees files with these contents; `web/2` on n2 sees others."""
    service = a_service()
    grants = [a_grant(f"s{number}", data, kind=kind) for number, data in enumerate(contents)]
    other = a_grant("other", b"other", kind=kind)
    state = a_state_with(
        service,
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n2", revision=2),
        specs={
            (service.key, 1): with_files(service.spec, *grants).task,
            (service.key, 2): with_files(service.spec, other).task,
        },
    )
    state.blobs = {digest_of(data): data for data in (*contents, b"other")}
    return state


def test_a_node_gets_the_contents_that_it_asks_for_if_one_of_its_tasks_uses_them() -> None:
    state = a_state_with_files(b"one", b"two")
    session = Session(N1, [])
    assert files(session, state) == [], "nothing comes unasked"
    session.need([digest_of(b"one"), digest_of(b"other"), digest_of(b"none"), "nonsense"])
    assert files(session, state) == [[b"one"]]
    assert files(session, state) == []


def test_a_task_that_is_told_to_stop_uses_nothing_any_more() -> None:
    state = a_state_with_files(b"one")
    session = Session(N1, [])
    told(session, state)
    move(state, 1, desired=Desired.STOP)
    session.need([digest_of(b"one")])
    assert files(session, state) == []


def test_large_contents_come_in_several_messages() -> None:
    contents = [bytes([number]) * 300_000 for number in range(3)]
    state = a_state_with_files(*contents)
    session = Session(N1, [])
    session.need([digest_of(content) for content in contents])
    assert files(session, state) == [[content] for content in contents]


def test_no_more_is_waited_for_than_the_bound() -> None:
    contents = [str(number).encode() for number in range(NEEDS_MAX + 5)]
    state = a_state_with_files(*contents)
    session = Session(N1, [])
    session.need([digest_of(content) for content in contents])
    assert sum(map(len, files(session, state))) == NEEDS_MAX
