"""Rules that matter so rarely that no seed of the simulation tests them."""

from controlplane.raft.core import RaftState
from controlplane.raft.messages import Append, AppendReply, PreVoteReply, RequestVote, Vote
from controlplane.raft.snapshots import Configuration
from tests.raft.lone import Lone

OLD = b"\0of an earlier term"


def led_again() -> Lone:
    """Figure 8 (c) of the paper: s1 has an entry of term 2 that only it holds, and leads term 4."""
    lone = Lone(5)
    lone.say("s2", Append(2, 1, 0, 1, 0, [(2, OLD)]))
    lone.say("s5", RequestVote(3, 1, 0, transfer=True))
    lone.write()
    lone.wait(2.5)
    for peer in ("s2", "s3"):
        lone.say(peer, PreVoteReply(3, 4, granted=True))
    lone.write()
    for peer in ("s2", "s3"):
        lone.say(peer, Vote(4, granted=True))
    lone.write()
    assert (lone.server.state, lone.server.term) == (RaftState.LEADER, 4)
    assert [term for _, _, term in lone.server.journal.rows(2, 9)] == [2, 4]
    return lone


def has(index: int) -> AppendReply:
    return AppendReply(4, success=True, index=index, round=0, hint_index=0, hint_term=0)


def test_entries_of_earlier_terms_are_never_committed_by_counting() -> None:
    lone = led_again()
    for peer in ("s2", "s3", "s4"):
        lone.say(peer, has(2))
        lone.write()
    assert lone.server.commit_index == 1  # though four of five hold it: figure 8 (d) can still be
    assert [entry for _, entry in lone.machine.rows] == []


def test_entries_of_earlier_terms_are_committed_with_one_of_the_leaders_own() -> None:
    lone = led_again()
    for peer in ("s2", "s3"):
        lone.say(peer, has(3))
    lone.write()
    assert lone.server.commit_index == 3


def voted(lone: Lone, peer: str, term: int) -> tuple[str, Vote]:
    """What the server answers, once it may, when *peer* asks for its vote."""
    lone.take_sent()
    lone.say(peer, RequestVote(term, 1, 0, transfer=False))
    lone.write()
    (answer,) = [(to, one) for to, one in lone.take_sent() if isinstance(one, Vote)]
    return answer


def test_a_server_votes_for_one_candidate_in_a_term_however_often_it_is_asked() -> None:
    lone = Lone(5)
    assert voted(lone, "s2", 3) == ("s2", Vote(3, granted=True))
    assert voted(lone, "s3", 3) == ("s3", Vote(3, granted=False))
    assert voted(lone, "s2", 3) == ("s2", Vote(3, granted=True))
    assert voted(lone, "s4", 3) == ("s4", Vote(3, granted=False))
    assert voted(lone, "s3", 4) == ("s3", Vote(4, granted=True))


def test_a_server_remembers_its_vote_over_a_restart() -> None:
    lone = Lone(5)
    assert voted(lone, "s2", 3) == ("s2", Vote(3, granted=True))
    lone.disk.crash()
    again = Lone(5, lone.disk)
    assert voted(again, "s3", 3) == ("s3", Vote(3, granted=False))
    assert voted(again, "s2", 3) == ("s2", Vote(3, granted=True))


def test_a_candidate_votes_for_nobody_else_in_its_term() -> None:
    lone = Lone(5)
    lone.wait(2.5)
    for peer in ("s2", "s3"):
        lone.say(peer, PreVoteReply(0, 1, granted=True))
    lone.write()
    assert (lone.server.state, lone.server.term) == (RaftState.CANDIDATE, 1)
    assert voted(lone, "s4", 1) == ("s4", Vote(1, granted=False))


def test_the_next_owner_of_a_removed_servers_name_is_known_by_its_own_folder() -> None:
    lone = Lone(3)
    lone.wait(1.2)
    for peer in ("s2", "s3"):
        lone.say(peer, PreVoteReply(0, 1, granted=True))
    lone.write()
    for peer in ("s2", "s3"):
        lone.say(peer, Vote(1, granted=True))
    lone.write()
    server = lone.server

    def agreed() -> None:
        index = server.journal.last_index
        for peer in ("s2", "s3"):
            lone.say(peer, AppendReply(1, True, index, 0, 0, 0))  # noqa: FBT003 - a record
            lone.write()

    def change(config: Configuration) -> None:
        server.propose_config(config, lambda _result, _error: None)
        lone.write()
        lone.say("s2", AppendReply(1, True, server.journal.last_index, 0, 0, 0))  # noqa: FBT003 - a record
        lone.write()

    agreed()
    change(server.without("s3"))
    change(server.with_learner("s3", "s3:2"))
    assert server.config["s3"].identity == ""
    server.receive("s3", "another folder", AppendReply(1, False, 9, 0, 1, 0))  # noqa: FBT003 - a record
    lone.write()
    assert server.config["s3"].identity == "another folder"
