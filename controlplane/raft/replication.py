"""A leader's side of the log: what to send to whom, and what a majority has made durable."""

from typing import Final

from controlplane.raft.core import Core, Phase, Progress, RaftState
from controlplane.raft.messages import Append, AppendReply

ENTRIES_PER_APPEND_MAX: Final = 4_096
"""How many entries one append carries at most; the rest goes into the next."""


class Replication(Core):
    """The part of a server that spreads entries and counts who has them."""

    def __init__(self) -> None:
        super().__init__()
        self.read_round = 0
        """Grows with each barrier; heartbeats carry it (thesis 6.4)."""

    def replicate(self, now: float) -> float:
        """Send what can be sent to everybody; return when the next heartbeat is due."""
        due = now + self.settings.heartbeat_s
        for peer, progress in self.progress.items():
            if self.around.connected(peer):
                self._feed(peer, progress, now)
            elif progress.phase is Phase.REPLICATE:
                self._probe(progress)
            if now >= progress.sent_at + self.settings.heartbeat_s:
                self.heartbeat(peer, progress, now)
            due = min(due, progress.sent_at + self.settings.heartbeat_s)
        return due

    def _feed(self, peer: str, progress: Progress, now: float) -> None:
        match progress.phase:
            case Phase.PROBE if now >= progress.probe_after:
                if self._send_entries(peer, progress, now):
                    progress.probe_after = now + self.settings.heartbeat_s
            case Phase.REPLICATE:
                window = self.settings.inflight_appends
                while progress.next <= self.journal.last_index and len(progress.inflight) < window:
                    first = progress.next
                    if not self._send_entries(peer, progress, now):
                        break
                    progress.inflight.append(progress.next - 1)
                    if progress.next == first:
                        break
            case _:
                pass

    def _send_entries(self, peer: str, progress: Progress, now: float) -> bool:
        """Send one append from *next* on; False if the log does not reach back that far."""
        prev = progress.next - 1
        prev_term = self.journal.term_at(prev)
        if prev_term is None:
            self.start_snapshot_to(peer, progress)
            return False
        entries: list[tuple[int, bytes]] = []
        size = 0
        for command, _, term in self.journal.rows(progress.next, ENTRIES_PER_APPEND_MAX):
            size += len(command) + 16
            if entries and size > self.settings.append_bytes:
                break
            entries.append((term, command))
        if progress.phase is Phase.REPLICATE:
            progress.next += len(entries)
        self._send_append(peer, progress, now, (prev, prev_term), entries)
        return True

    def heartbeat(self, peer: str, progress: Progress, now: float) -> None:
        """An append without entries; it also notices that earlier ones were lost."""
        prev = progress.next - 1
        prev_term = self.journal.term_at(prev)
        if prev_term is None and progress.phase is not Phase.SNAPSHOT:
            # Answers were lost, and meanwhile the log was shortened beyond what was sent.
            self.start_snapshot_to(peer, progress)
        if prev_term is None or progress.phase is Phase.SNAPSHOT:
            prev, prev_term = 0, 0
        self._send_append(peer, progress, now, (prev, prev_term), [])

    def _send_append(
        self,
        peer: str,
        progress: Progress,
        now: float,
        prev: tuple[int, int],
        entries: list[tuple[int, bytes]],
    ) -> None:
        progress.sent_at = now
        message = Append(self.term, *prev, self.commit_index, self.read_round, entries)
        self.send(peer, message)

    def on_append_reply(self, peer: str, message: AppendReply) -> None:
        """Learn what *peer* has; only replies of this term count."""
        if message.term > self.term:
            self.become_follower(message.term)
            return
        progress = self.progress.get(peer)
        if self.state != RaftState.LEADER or message.term < self.term or progress is None:
            return
        progress.heard_at = self.around.clock()
        progress.disk_full = message.full
        progress.round = max(progress.round, message.round)
        if message.success:
            self._accepted(progress, message.index)
        else:
            self._refused(progress, message)

    def _accepted(self, progress: Progress, index: int) -> None:
        while progress.inflight and progress.inflight[0] <= index:
            progress.inflight.popleft()
        if index > progress.match:
            progress.match = index
            progress.next = max(progress.next, index + 1)
        confirmed = progress.match >= progress.next - 1
        if progress.phase is Phase.PROBE and confirmed:
            progress.phase = Phase.REPLICATE
            progress.inflight.clear()
        elif progress.phase is Phase.SNAPSHOT and self.journal.term_at(progress.match) is not None:
            progress.next = progress.match + 1
            progress.snapshot = None
            progress.phase = Phase.REPLICATE
            progress.inflight.clear()

    def _refused(self, progress: Progress, message: AppendReply) -> None:
        """Go back to where the logs may agree; stale refusals change nothing."""
        if progress.phase is Phase.SNAPSHOT or message.index <= progress.match:
            return
        if progress.phase is Phase.PROBE and message.index != progress.next - 1:
            return
        back = self._agreement_before(message.hint_index, message.hint_term)
        self._probe(progress)
        progress.next = max(progress.match, min(back, message.index - 1)) + 1
        progress.probe_after = 0.0

    def _probe(self, progress: Progress) -> None:
        progress.phase = Phase.PROBE
        progress.inflight.clear()
        progress.next = max(1, progress.match) + 1
        progress.probe_after = 0.0

    def _agreement_before(self, index: int, term: int) -> int:
        """The newest of our entries up to *index* whose term is not beyond *term*."""
        index = min(index, self.journal.last_index)
        while index > self.journal.first_index:
            held = self.journal.term_at(index)
            if held is not None and held <= term:
                break
            index -= 1
        return index

    def advance_commit(self) -> None:
        """Commit what a majority holds durably, if it is of this term (paper 5.4.2)."""
        held = sorted(
            self.journal.durable_index if name == self.name else self._match_of(name)
            for name in self.voters
        )
        if not held:
            return
        index = held[(len(held) - 1) // 2]
        if index > self.commit_index and self.journal.term_at(index) == self.term:
            self.commit_index = index
            self.around.wake()

    def _match_of(self, name: str) -> int:
        progress = self.progress.get(name)
        return progress.match if progress else 0
