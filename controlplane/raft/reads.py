"""Linearizable reads by read index, on the leader and through any follower (thesis 6.4)."""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.raft.core import RaftState
from controlplane.raft.messages import ReadIndex, ReadIndexReply
from controlplane.raft.replication import Replication
from controlplane.raft.settings import READS_MAX
from orb.errors import NoQuorum, NotLeader, OrbError, Unavailable

Confirmed = Callable[[OrbError | None], None]
"""Called once: None when the state holds everything acknowledged before the question."""


@dataclass(slots=True)
class _Question:
    """A barrier on the leader that waits for a round of heartbeats."""

    round: int
    deadline: float
    index: int
    answer: Callable[[int | OrbError], None]


@dataclass(slots=True)
class _Asked:
    """A barrier on a follower that waits for its leader's answer."""

    sent_at: float
    deadline: float
    confirmed: Confirmed


class Reads(Replication):
    """The part of a server that says when its state is new enough. No clock is trusted."""

    def __init__(self) -> None:
        super().__init__()
        self._questions: list[_Question] = []
        self._asked: dict[int, _Asked] = {}
        self._request = 0
        self._applying: list[tuple[int, float, Confirmed]] = []
        self._round_due = False

    def barrier(self, confirmed: Confirmed) -> None:
        """Call *confirmed* when this server's state holds all that was acknowledged before."""
        deadline = self.around.clock() + self.settings.answer_within_s
        if len(self._questions) + len(self._asked) + len(self._applying) >= READS_MAX:
            confirmed(Unavailable(f"{READS_MAX} reads wait already", remedy="try again later"))
        elif self.state == RaftState.LEADER:

            def answer(result: int | OrbError) -> None:
                if isinstance(result, int):
                    self._when_applied(result, deadline, confirmed)
                else:
                    confirmed(result)

            self._question(deadline, answer)
        elif self.leader is None:
            confirmed(self.leaderless())
        else:
            self._request += 1
            asked = _Asked(self.around.clock(), deadline, confirmed)
            self._asked[self._request] = asked
            self.send(self.leader, ReadIndex(self.term, self._request))

    def leaderless(self) -> OrbError:
        """Why there is nobody to ask: not added yet, no majority in reach, an election."""
        if not self.config:
            return Unavailable(
                f"server {self.name} waits to be added to a cluster",
                remedy=f"`orbctl server add {self.name}=HOST`, asked of that cluster, adds it",
            )
        reachable = {name for name in self.config if self.around.connected(name)} | {self.name}
        if self.majority(reachable):
            return NotLeader(None)
        return NoQuorum(
            f"{self.name} reaches {len(reachable)} of {len(self.config)} servers: no majority",
            remedy="start the other servers, or repair the network between them",
        )

    def _question(self, deadline: float, answer: Callable[[int | OrbError], None]) -> None:
        """A round of heartbeats that starts after now proves that nobody else leads."""
        self._round_due = True
        # Until the no-op of this term is committed, the commit index may be behind (8).
        index = max(self.commit_index, self.term_start)
        self._questions.append(_Question(self.read_round + 1, deadline, index, answer))
        self.around.wake()

    def _when_applied(self, index: int, deadline: float, confirmed: Confirmed) -> None:
        if self.last_applied >= index:
            confirmed(None)
        else:
            self._applying.append((index, deadline, confirmed))

    def read_tick(self, now: float) -> None:
        """Start the round that is due, and answer whom it can."""
        if self._round_due:
            self._round_due = False
            self.read_round += 1
            for peer, progress in self.progress.items():
                self.heartbeat(peer, progress, now)
        self._ask_again(now)
        self._answer_questions(now)
        self._answer_applied(now)

    def _answer_questions(self, now: float) -> None:
        if not self._questions:
            return
        rounds = sorted(
            self.read_round if name == self.name else self._round_of(name) for name in self.voters
        )
        confirmed = rounds[(len(rounds) - 1) // 2] if rounds else 0
        due, self._questions = self._questions, []
        for question in due:
            if question.round <= confirmed:
                question.answer(question.index)
            elif now >= question.deadline:
                question.answer(NoQuorum("no majority confirmed that this server leads in time"))
            else:
                self._questions.append(question)

    def _round_of(self, name: str) -> int:
        progress = self.progress.get(name)
        return progress.round if progress else 0

    def _answer_applied(self, now: float) -> None:
        if not self._applying:
            return
        waiting, self._applying = self._applying, []
        for index, deadline, confirmed in waiting:
            if self.last_applied >= index:
                confirmed(None)
            elif now >= deadline:
                confirmed(NoQuorum("this server did not catch up in time"))
            else:
                self._applying.append((index, deadline, confirmed))

    def _ask_again(self, now: float) -> None:
        """A question to the leader may be lost: ask again, with the same number."""
        for request, asked in list(self._asked.items()):
            if now >= asked.deadline:
                del self._asked[request]
                asked.confirmed(NoQuorum("the leader did not answer in time"))
            elif self.leader is not None and now - asked.sent_at >= self.settings.election_min_s:
                asked.sent_at = now
                self.send(self.leader, ReadIndex(self.term, request))

    def on_read_index(self, peer: str, message: ReadIndex) -> None:
        """Answer a follower's question, once it is certain that we lead."""
        term, request = self.term, message.request
        if self.state != RaftState.LEADER or len(self._questions) >= READS_MAX:
            self.send(peer, ReadIndexReply(term, request, False, 0))  # noqa: FBT003 - a record
            return

        def answer(result: int | OrbError) -> None:
            index = result if isinstance(result, int) else 0
            self.send(peer, ReadIndexReply(term, request, index > 0, index))
            progress = self.progress.get(peer)
            if index > 0 and progress is not None:
                self.heartbeat(peer, progress, self.around.clock())  # it brings the commit index

        self._question(self.around.clock() + self.settings.answer_within_s, answer)

    def on_read_index_reply(self, peer: str, message: ReadIndexReply) -> None:
        """The leader's answer: wait until we have applied as far."""
        asked = self._asked.pop(message.request, None)
        if asked is None:
            return
        if message.ok:
            self._when_applied(message.index, asked.deadline, asked.confirmed)
        else:
            asked.confirmed(NotLeader(self.leader if self.leader != peer else None))

    def number_questions(self) -> None:
        """Choose where request numbers start: no answer to an earlier life may match."""
        self._request = self.around.rng.getrandbits(48)

    def fail_reads(self) -> None:
        """We lead no longer: whoever asked must ask again. Questions of our own are kept, and
        put to the next leader."""
        questions, self._questions = self._questions, []
        for question in questions:
            question.answer(NotLeader(self.leader))

    def close_reads(self, why: OrbError) -> None:
        """Answer every barrier with *why*: this server stops."""
        self.fail_reads()
        asked, self._asked = self._asked, {}
        applying, self._applying = self._applying, []
        for one in asked.values():
            one.confirmed(why)
        for _, _, confirmed in applying:
            confirmed(why)

    @property
    def reads_waiting(self) -> bool:
        """Whether a barrier waits: then time limits must be looked at."""
        return bool(self._questions or self._asked or self._applying)
