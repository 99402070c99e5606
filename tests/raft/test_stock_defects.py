"""Each defect of stock pysyncobj 0.3.17 (docs/adr/0003): in the stock class, and not in ours."""

import inspect
import pickle
import socket
import struct
import zlib
from pathlib import Path

import pysyncobj
import pytest
from pysyncobj import SyncObj, SyncObjConf, journal
from pysyncobj.config import FAIL_REASON

from controlplane.raft.core import RaftState
from controlplane.raft.messages import (
    Append,
    AppendReply,
    PreVote,
    PreVoteReply,
    RequestVote,
    SnapshotChunk,
    Vote,
)
from orb.errors import NoQuorum, NotLeader, OrbError, Unavailable, Unknown
from tests.raft.lone import Lone, Stock
from tests.raft.nemesis import free_ports
from tests.raft.test_transport import Touch

NO_OP = b"\1"


def command(text: str) -> bytes:
    return b"\0" + text.encode()


def stock_command(text: str) -> bytes:
    return b"\0" + pickle.dumps((0, (text,)), 2)


def leading(count: int = 3) -> Lone:
    """Our server, elected in term 1."""
    lone = Lone(count)
    lone.wait(1.2)
    for peer in list(lone.server.config)[1:]:
        lone.say(peer, PreVoteReply(0, 1, granted=True))
    lone.write()
    for peer in list(lone.server.config)[1:]:
        lone.say(peer, Vote(1, granted=True))
    lone.write()
    assert lone.server.state == RaftState.LEADER
    return lone


def following(*texts: str, commit: int) -> Lone:
    """Our server, with entries 2… of term 1 from leader s2."""
    lone = Lone()
    entries = [(1, command(text)) for text in texts]
    lone.say("s2", Append(1, 1, 0, commit, 0, entries))
    lone.write()
    lone.take_sent()
    return lone


# -- a stranger's packet runs code as root


def test_stock_runs_a_strangers_pickle(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    proof = tmp_path / "proof"
    stock = SyncObj(f"127.0.0.1:{port}", [], SyncObjConf(autoTick=False))
    bomb = zlib.compress(pickle.dumps(Touch(proof)))
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(struct.pack("i", len(bomb)) + bomb)
        for _ in range(50):
            stock.doTick(0.01)
    stock.destroy()
    assert proof.exists(), "the stock class no longer runs it: look at the ADR again"


def test_ours_has_no_pickle_anywhere() -> None:
    """What a stranger's bytes do to our port is in test_transport.py."""
    package = Path(inspect.getfile(Lone)).parents[2] / "controlplane" / "raft"
    sources = [path.read_text() for path in package.glob("*.py")]
    assert not any("import pickle" in source or "loads(" in source for source in sources)


# -- replies before anything is durable


def test_stock_never_syncs_an_entry() -> None:
    source = inspect.getsource(journal)
    assert "fsync" not in source
    assert "fdatasync" not in source


def test_ours_replies_only_when_the_entry_is_on_disk() -> None:
    lone = Lone()
    lone.say("s2", Append(1, 1, 0, 1, 0, [(1, command("a"))]))
    lone.server.step()
    assert lone.sent == []
    lone.write()
    assert lone.sent == [
        ("s2", AppendReply(1, success=True, index=2, round=0, hint_index=0, hint_term=0))
    ]


def test_ours_votes_only_when_the_vote_is_on_disk() -> None:
    lone = Lone()
    lone.say("s2", RequestVote(1, 1, 0, transfer=False))
    lone.server.step()
    assert lone.sent == []
    lone.write()
    assert lone.sent == [("s2", Vote(1, granted=True))]
    again = Lone(disk=lone.disk)
    again.say("s3", RequestVote(1, 9, 0, transfer=False))
    again.write()
    assert again.sent == [("s3", Vote(1, granted=False))]


def test_our_leader_does_not_count_itself_before_its_disk_has_it() -> None:
    lone = leading(2)
    lone.server.propose(b"a", lambda _result, _error: None)
    lone.server.step()
    index = lone.server.journal.last_index
    lone.say("s2", AppendReply(1, success=True, index=index, round=0, hint_index=0, hint_term=0))
    lone.server.step()
    assert lone.server.commit_index < index
    lone.write()
    assert lone.server.commit_index == index


# -- the receiver cuts what was applied


def test_stock_cuts_entries_it_has_applied() -> None:
    stock = Stock()
    stock.append((1, 0), [(stock_command("a"), 2, 1), (stock_command("b"), 3, 1)], 3, 1)
    assert stock.entries == ["a", "b"]
    stock.append((1, 0), [(stock_command("a"), 2, 1)], 2, 1)  # an old message, come late
    assert (stock.last, stock.entries) == (2, ["a", "b"])


def test_ours_takes_an_old_message_for_what_it_is() -> None:
    lone = following("a", "b", commit=3)
    lone.say("s2", Append(1, 1, 0, 2, 0, [(1, command("a"))]))
    lone.write()
    assert lone.server.journal.last_index == 3
    assert [entry for _, entry in lone.machine.rows] == [b"a", b"b"]


# -- commits what was never matched


def test_stock_commits_its_own_conflicting_entry_on_a_snapshot_chunk() -> None:
    stock = Stock()
    stock.append((1, 0), [(stock_command("never agreed on"), 2, 1)], 1, 1)
    stock.say("s3", type="append_entries", term=2, commit_index=9, serialized=None)
    stock.doTick()
    assert stock.entries == ["never agreed on"]


def test_ours_commits_only_what_the_leader_has_matched() -> None:
    lone = following("never agreed on", commit=1)
    lone.say("s3", Append(2, 0, 0, 9, 0, []), SnapshotChunk(2, 9, 1, 0, 99, b"piece"))
    lone.write()
    assert (lone.server.commit_index, lone.machine.rows) == (1, [])


# -- replies of another term count


def test_stock_counts_a_reply_to_an_earlier_leadership() -> None:
    stock = Stock()
    stock.elect()
    stock.say("s2", type="response_vote", term=stock.raftCurrentTerm)
    stock.doTick()
    stock.say("s2", type="next_node_idx", next_node_idx=99, reset=False, success=True)
    stock.doTick()
    assert stock.raftCommitIndex == stock.last == 2


def test_ours_counts_replies_of_this_term_only() -> None:
    lone = leading()
    lone.server.set_term(5, "s1")
    lone.say("s2", AppendReply(1, success=True, index=99, round=0, hint_index=0, hint_term=0))
    lone.write()
    assert lone.server.progress["s2"].match == 0


def test_ours_says_unknown_for_what_was_under_way_when_it_lost_leadership() -> None:
    lone = leading()
    told: list[tuple[bytes | None, OrbError | None]] = []
    lone.server.propose(b"a", lambda result, error: told.append((result, error)))
    lone.write()
    lone.say("s2", Append(2, 1, 0, 1, 0, []))
    assert [type(error) for _, error in told] == [Unknown]


def test_ours_says_not_leader_for_what_it_never_took_into_its_log() -> None:
    lone = leading()
    told: list[OrbError | None] = []
    lone.server.propose(b"a", lambda _result, error: told.append(error))
    lone.say("s2", Append(2, 1, 0, 1, 0, []))
    assert [type(error) for error in told] == [NotLeader]


# -- votes


def test_stock_counts_one_voter_twice() -> None:
    stock = Stock(5)
    stock.elect()
    for _ in range(2):
        stock.say("s2", type="response_vote", term=stock.raftCurrentTerm)
    stock.doTick()
    assert stock._isLeader(), "two of five servers"


def test_ours_counts_each_voter_once() -> None:
    lone = Lone(5)
    lone.wait(1.2)
    lone.say("s2", *[PreVoteReply(0, 1, granted=True)] * 2)
    lone.write()
    assert lone.server.term == 0
    lone.say("s3", PreVoteReply(0, 1, granted=True))
    lone.write()
    lone.say("s2", *[Vote(1, granted=True)] * 3)
    lone.write()
    assert lone.server.state == RaftState.CANDIDATE


def test_stock_is_deposed_by_anybody_with_a_higher_term() -> None:
    stock = Stock()
    stock.append((1, 0), [], 1, 1)
    stock.say("s3", type="request_vote", term=9, last_log_index=0, last_log_term=0)
    assert stock.raftCurrentTerm == 9


def test_ours_protects_a_leader_that_is_alive() -> None:
    lone = following("a", commit=2)
    lone.say("s3", PreVote(9, 99, 9), RequestVote(9, 99, 9, transfer=False))
    lone.write()
    assert (lone.server.term, lone.server.leader) == (1, "s2")
    assert lone.sent == [("s3", PreVoteReply(1, 9, granted=False))]


def test_ours_asks_before_it_raises_its_term() -> None:
    lone = Lone()
    lone.wait(20.0)
    assert (lone.server.term, lone.server.voted_for) == (0, None)


# -- a leader without a majority


def test_stock_leads_alone_for_half_a_minute() -> None:
    assert SyncObjConf().leaderFallbackTimeout == 30.0


def test_ours_steps_down_within_two_seconds_and_says_why() -> None:
    lone = leading()
    lone.wait(2.3)
    assert lone.server.state == RaftState.FOLLOWER
    lone.server.around.connected = lambda _peer: False
    with pytest.raises(NoQuorum, match="reaches 1 of 3"):
        lone.server.propose(b"a", lambda _result, _error: None)


def test_a_leader_that_is_often_late_is_given_more_time_and_a_prompt_one_is_not() -> None:
    lone = following("a", commit=2)
    for _ in range(50):
        lone.now += 0.1
        lone.say("s2", Append(1, 2, 1, 2, 0, []))
    assert lone.server.election_at - lone.now <= 1.0
    for _ in range(3):
        lone.now += 0.4
        lone.say("s2", Append(1, 2, 1, 2, 0, []))
    assert lone.server.election_at - lone.now >= 0.79
    for _ in range(120):
        lone.now += 0.1
        lone.say("s2", Append(1, 2, 1, 2, 0, []))
    assert lone.server.election_at - lone.now <= 1.0


# -- membership


def test_a_stock_leader_that_is_alone_removes_the_others_and_is_a_majority() -> None:
    stock = Stock(3, dynamicMembershipChange=True)
    stock.elect()
    stock.say("s2", type="response_vote", term=stock.raftCurrentTerm)
    stock.doTick()
    stock.say("s2", type="next_node_idx", next_node_idx=3, reset=False, success=True)
    stock.doTick()
    alone: list[int] = []
    for name in ("s3", "s2"):  # from here on, nobody else says a word
        stock.removeNodeFromCluster(pysyncobj.node.Node(name), lambda _, why: alone.append(why))
        stock.doTick()
        stock.doTick()
    stock.put("decided alone")
    stock.doTick()
    stock.doTick()
    assert stock.entries == ["decided alone"] or FAIL_REASON.SUCCESS in alone


def test_ours_changes_one_member_at_a_time_and_only_by_a_majority() -> None:
    lone = leading()
    lone.say(
        "s2",
        AppendReply(
            1,
            success=True,
            index=lone.server.journal.last_index,
            round=0,
            hint_index=0,
            hint_term=0,
        ),
    )
    lone.write()
    lone.server.propose_config(lone.server.without("s3"), lambda _result, _error: None)
    lone.write()
    with pytest.raises(Unavailable, match="not agreed on yet"):
        lone.server.propose_config(lone.server.without("s2"), lambda _result, _error: None)
    lone.wait(0.9)
    assert lone.server.commit_index < lone.server.journal.last_index


# -- apply that raises


def test_stock_tries_an_entry_that_raises_for_ever() -> None:
    stock = Stock()
    bad = b"\0" + pickle.dumps((0, ("a", "one argument too many")), 2)
    for _ in range(3):
        with pytest.raises(TypeError):
            stock.append((1, 0), [(bad, 2, 1)], 2, 1)
    assert stock.raftLastApplied == 1


def test_ours_stops_at_once_and_tells_its_owner() -> None:
    lone = Lone()

    def explode(_index: int, _entry: bytes) -> bytes:
        raise ZeroDivisionError

    lone.machine.apply = explode  # type: ignore[method-assign]
    lone.say("s2", Append(1, 1, 0, 2, 0, [(1, command("a"))]))
    with pytest.raises(ZeroDivisionError):
        lone.server.step()


# -- far behind


def test_ours_goes_back_over_a_whole_conflicting_term_at_once() -> None:
    """Stock goes back one batch of 64 KiB at a time, and may never arrive."""
    lone = leading()
    for index in range(3, 2000):
        lone.server.journal.add(command("x" * 100), index, 1)
    lone.write()
    progress = lone.server.progress["s2"]
    progress.next = 1900
    lone.say("s2", AppendReply(1, success=False, index=1899, round=0, hint_index=3, hint_term=0))
    assert progress.next <= 4


# -- reads


def test_stock_says_itself_that_its_leader_may_be_one_of_several() -> None:
    assert "there could be multiple leaders at the same time" in (SyncObj._isLeader.__doc__ or "")


def test_ours_confirms_leadership_by_a_round_that_began_after_the_question() -> None:
    lone = leading()
    last = lone.server.journal.last_index
    lone.say("s2", AppendReply(1, success=True, index=last, round=0, hint_index=0, hint_term=0))
    lone.write()
    told: list[OrbError | None] = []
    lone.server.barrier(told.append)
    lone.say(
        "s2", AppendReply(1, success=True, index=last, round=0, hint_index=0, hint_term=0)
    )  # of an earlier round
    lone.write()
    assert told == []
    lone.say("s2", AppendReply(1, success=True, index=last, round=1, hint_index=0, hint_term=0))
    lone.write()
    assert told == [None]


# -- speed of a tick


def test_stock_wakes_twenty_times_a_second_for_nothing() -> None:
    assert SyncObjConf().autoTickPeriod == 0.05


def test_an_idle_follower_of_ours_sleeps_until_its_election_timer() -> None:
    lone = following("a", commit=2)
    lone.say("s2", Append(1, 2, 1, 2, 0, []))
    assert lone.server.step() >= lone.now + 0.49
