"""Who leads: pre-vote, votes, stickiness, check-quorum, handing over (thesis 3, 4.2.3, 9.6)."""

from typing import Final

from controlplane.raft.core import Core, RaftState
from controlplane.raft.messages import PreVote, PreVoteReply, RequestVote, TimeoutNow, Vote
from orb.errors import Conflict, NotLeader

STALL_S: Final = 0.05
"""A timer that fires this late shows that this process stood still: others are not to blame."""

SILENCES: Final = 2.0
"""A leader is given this many times its longest recent silence, if that is more than the setting:
on a machine with too much to do, being late is no death."""

PATIENCE_MAX_S: Final = 1.0
"""The longest that a silent leader is given at least; a random part is added."""

QUORUM_LOST_AFTER: Final = 2
"""A leader that hears no majority for so many longest election timeouts steps down. It answers
NoQuorum after one of them already, and confirms nothing without a majority at any time."""

FORGET_PER_S: Final = 0.05
"""By how many seconds the longest recent silence shrinks in each second."""


class Elections(Core):
    """The part of a server that chooses a leader, and lets go of leadership."""

    def __init__(self) -> None:
        super().__init__()
        self._votes: set[str] = set()
        self._pre_votes: set[str] | None = None
        self._excused = False
        self._silence = 0.0
        self.heir: str | None = None
        """Whom this leader hands over to."""
        self._heir_until = 0.0
        self._heir_told_at = 0.0

    def election_tick(self, now: float) -> float:
        """Do what is due, and return when to look again, in seconds of the clock."""
        if self.state == RaftState.LEADER:
            return self._check_quorum(now)
        if now >= self.election_at:
            if now - self.election_at > STALL_S and not self._excused:
                # What was received while we stood still has not been looked at yet.
                self._excused = True
                self.election_at = now + 2 * self.settings.heartbeat_s
            else:
                self._pre_campaign()
        return self.election_at

    def reset_election_timer(self) -> None:
        """Wait a whole, randomly chosen, election timeout from now (paper 5.2)."""
        spread = self.settings.election_max_s - self.settings.election_min_s
        wait = self._patience() + spread * self.around.rng.random()
        self.election_at = self.around.clock() + wait
        self._excused = False

    def _patience(self) -> float:
        """How long the leader may be silent, in seconds."""
        return max(self.settings.election_min_s, min(SILENCES * self._silence, PATIENCE_MAX_S))

    def leader_spoke(self) -> None:
        """Note that the leader is alive, and how long it was silent; wait anew."""
        now = self.around.clock()
        silent = now - self.leader_heard_at
        if silent < 2 * PATIENCE_MAX_S:
            self._silence = max(silent, self._silence - FORGET_PER_S * silent)
        self.leader_heard_at = now
        self.reset_election_timer()

    def _protected(self) -> bool:
        """A leader is alive, as far as we know: nobody may depose it (thesis 4.2.3)."""
        if self.state == RaftState.LEADER:
            return True
        heard = self.around.clock() - self.leader_heard_at
        return self.leader is not None and heard < self._patience()

    # -- campaigning

    def _pre_campaign(self) -> None:
        self.reset_election_timer()
        self.leader = None
        if not self.may_campaign() or self.disk_full or self.removed:
            return
        self._pre_votes = {self.name}
        if self.majority(self._pre_votes):
            self._campaign(transfer=False)
            return
        if self.state == RaftState.CANDIDATE:
            self.become_follower(self.term)
            self._pre_votes = {self.name}
        ask = PreVote(self.term + 1, self.journal.last_index, self.journal.last_term)
        for peer in self.config:
            if peer != self.name:
                self.send(peer, ask)

    def _campaign(self, *, transfer: bool) -> None:
        self._pre_votes = None
        self._votes = set()
        self.leader = None
        self.reset_election_timer()
        self.set_state(RaftState.CANDIDATE)
        self.set_term(self.term + 1, self.name)
        ask = RequestVote(self.term, self.journal.last_index, self.journal.last_term, transfer)
        durable = self.journal.hard_sequence
        self.send_when_durable(durable, self.name, Vote(self.term, granted=True))
        for peer in self.voters:
            if peer != self.name:
                self.send_when_durable(durable, peer, ask)

    def become_follower(self, term: int, leader: str | None = None) -> None:
        """Follow in *term*; whoever waits for this server as a leader gets an answer."""
        was_leading = self.state == RaftState.LEADER
        if term > self.term:
            self.set_term(term, None)
        self._pre_votes = None
        self._votes = set()
        self.heir = None
        self.leader = leader
        if self.state != RaftState.FOLLOWER:
            self.set_state(RaftState.FOLLOWER)
            self.reset_election_timer()
        self.leader_lost(was_leading)

    # -- answering

    def on_pre_vote(self, peer: str, message: PreVote) -> None:
        """Say whether we would vote; nothing changes here."""
        granted = (
            message.term > self.term
            and not self._protected()
            and self.log_is_current(message.last_index, message.last_term)
        )
        self.send(peer, PreVoteReply(self.term, message.term, granted))
        self.tell_removed(peer)

    def on_pre_vote_reply(self, peer: str, message: PreVoteReply) -> None:
        """Count who would vote; campaign when that is a majority."""
        if message.term > self.term:
            self.become_follower(message.term)
        elif self._pre_votes is not None and message.granted and message.asked == self.term + 1:
            self._pre_votes.add(peer)
            if self.majority(self._pre_votes):
                self._campaign(transfer=False)

    def on_request_vote(self, peer: str, message: RequestVote) -> None:
        """Vote at most once in a term, for a log at least as new, and durably."""
        if message.term > self.term:
            if self._protected() and not message.transfer:
                return
            self.become_follower(message.term)
        granted = (
            message.term == self.term
            and self.state == RaftState.FOLLOWER
            and self.voted_for in {None, peer}
            and self.log_is_current(message.last_index, message.last_term)
        )
        if granted:
            if self.voted_for is None:
                self.set_term(self.term, peer)
            self.reset_election_timer()
        durable = self.journal.hard_sequence
        self.send_when_durable(durable, peer, Vote(self.term, granted))

    def on_vote(self, peer: str, message: Vote) -> None:
        """Count each voter once, in its term only."""
        if message.term > self.term:
            self.become_follower(message.term)
        elif self.state == RaftState.CANDIDATE and message.term == self.term and message.granted:
            self._votes.add(peer)
            if self.majority(self._votes):
                self.become_leader()

    # -- letting go

    def heard_recently(self, within: float) -> set[str]:
        """Who answered this leader within *within* seconds, itself included."""
        since = self.around.clock() - within
        heard = {name for name, one in self.progress.items() if one.heard_at >= since}
        return heard | {self.name}

    def _check_quorum(self, now: float) -> float:
        """Step down without a majority (thesis 6.2): clients go elsewhere, and know it."""
        window = QUORUM_LOST_AFTER * self.settings.election_max_s
        if not self.majority(self.heard_recently(window)):
            self.become_follower(self.term)
            return self.election_at
        times = (one.heard_at for name, one in self.progress.items() if name in self.voters)
        return max(now + self.settings.heartbeat_s, min(times, default=now) + window)

    def on_timeout_now(self, peer: str, message: TimeoutNow) -> None:
        """Campaign without a pre-vote: the leader asked for it (thesis 3.10)."""
        if message.term == self.term and peer == self.leader and self.may_campaign():
            self._campaign(transfer=True)

    def transfer_to(self, peer: str) -> None:
        """Hand leadership to *peer*: new commands are refused until it leads or a time is up.

        Raises NotLeader, or Conflict if *peer* cannot lead.
        """
        if self.state != RaftState.LEADER:
            raise NotLeader(self.leader)
        if peer not in self.progress or peer not in self.voters:
            raise Conflict(f"{peer} is no other voting server of this cluster")
        self.heir = peer
        self._heir_until = self.around.clock() + self.settings.election_max_s
        self._heir_told_at = float("-inf")
        self.around.wake()

    def handover_tick(self, now: float) -> None:
        """Tell the heir as soon as it has everything; lead on if it does not take over."""
        if self.heir is None:
            return
        progress = self.progress.get(self.heir)
        if progress is None or now >= self._heir_until:
            self.heir = None
        elif (
            progress.match == self.journal.last_index
            and now - self._heir_told_at >= self.settings.heartbeat_s
        ):
            self._heir_told_at = now
            self.send(self.heir, TimeoutNow(self.term))
