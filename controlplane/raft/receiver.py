"""A follower's side of the log: AppendEntries as in figure 2 of the paper, and nothing looser."""

from controlplane.raft.core import Core, Kind, RaftState
from controlplane.raft.messages import Append, AppendReply
from controlplane.raft.segments import REMEDY
from orb.errors import StorageDamaged


class Receiver(Core):
    """The part of a server that takes entries from the leader."""

    def on_append(self, peer: str, message: Append) -> None:
        """Check, cut only at a conflict, append, and reply when it is durable."""
        if message.term < self.term:
            self.send(peer, AppendReply(self.term, False, message.prev_index, 0, 0, 0))  # noqa: FBT003 - a record
            return
        self.follow(peer, message.term)
        prev, entries = message.prev_index, message.entries
        if prev < self.commit_index:
            # Up to here we agree with every later leader (paper 5.4.3).
            entries = entries[self.commit_index - prev :]
            prev = self.commit_index
        elif self.journal.term_at(prev) != message.prev_term:
            self._refuse(peer, message)
            return
        appended = self._append(prev, entries)
        if self.failure is not None:
            return
        newest = prev + len(entries)
        self.commit_index = max(self.commit_index, min(message.commit, newest))
        sequence = self.journal.sequence if appended else self.journal.hard_sequence
        index = newest if appended else min(newest, self.journal.durable_index)
        reply = AppendReply(self.term, True, index, message.round, 0, 0, self.disk_full)  # noqa: FBT003 - a record
        self.send_when_durable(sequence, peer, reply)

    def follow(self, peer: str, term: int) -> None:
        """*peer* leads in *term*, which is not behind ours."""
        if term > self.term or self.state != RaftState.FOLLOWER or self.leader != peer:
            if term == self.term and self.state == RaftState.LEADER:
                self.fail(
                    StorageDamaged(
                        f"{peer} and this server both lead in term {term}",
                        remedy="stop the cluster: two folders of one server are in use",
                    )
                )
                return
            self.become_follower(term, peer)
        self.leader_spoke()

    def _append(self, prev: int, entries: list[tuple[int, bytes]]) -> bool:
        """Append what is new; return whether there was any."""
        for offset, (term, _) in enumerate(entries):
            index = prev + 1 + offset
            held = self.journal.term_at(index)
            if held == term:
                continue
            if held is not None:
                if index <= self.commit_index:
                    self.fail(
                        StorageDamaged(
                            f"the leader's entry {index} differs from one agreed on",
                            remedy=REMEDY,
                        )
                    )
                    return False
                self.journal.deleteEntriesFrom(index - self.journal.first_index)
                self.configs_dropped_from(index)
            for more, (new_term, command) in enumerate(entries[offset:], index):
                self.journal.add(command, more, new_term)
                if command[0] == Kind.MEMBERSHIP:
                    self.config_added(more, command)
            return True
        return False

    def _refuse(self, peer: str, message: Append) -> None:
        """Tell where we may agree: skip every entry of a newer term (paper 5.3, thesis 3.5)."""
        index = min(message.prev_index, self.journal.last_index)
        while index > self.journal.first_index:
            term = self.journal.term_at(index)
            if term is not None and term <= message.prev_term:
                break
            index -= 1
        reply = AppendReply(
            self.term,
            False,  # noqa: FBT003 - a record
            message.prev_index,
            message.round,
            index,
            self.journal.term_at(index) or 0,
            self.disk_full,
        )
        self.send(peer, reply)
