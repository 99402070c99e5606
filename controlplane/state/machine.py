"""The state machine as agreement sees it: bytes in, bytes out."""

from collections.abc import Iterable
from dataclasses import fields

from controlplane.state import codec, snapshots
from controlplane.state.apply import apply
from controlplane.state.commands import Refused
from controlplane.state.tables import State
from orb.errors import StorageDamaged


class Machine:
    """Drives one State; implements controlplane.raft.log.StateMachine.

    *state* stays the same object for life, also over a restore: whoever reads may keep it.
    """

    def __init__(self, state: State | None = None) -> None:
        self.state = State() if state is None else state
        self.halted = ""
        """Why this server can no longer follow the log, in words for its operator; empty: it can.

        An entry that it cannot read may be one that the others can. To go on would let the states
        drift apart, so it takes no further entry and gives no snapshot. The process must end.
        """

    def apply(self, index: int, entry: bytes) -> bytes:
        """Apply the agreed entry at *index* and return its answer. Never raises."""
        if not self.halted:
            try:
                decoded = codec.decode_entry(entry)
            except StorageDamaged as error:
                self.halted = f"the entry {index} of the log cannot be applied: {error}"
            else:
                return codec.encode_answer(apply(self.state, decoded, index))
        return codec.encode_answer(Refused(f"internal: {self.halted}"))

    def snapshot(self) -> Iterable[bytes]:
        """Chunks that hold the whole state as it is now. Raises StorageDamaged if halted."""
        if self.halted:
            raise StorageDamaged(self.halted)
        return snapshots.chunks(self.state)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the whole state by a snapshot's, or leave it and raise StorageDamaged."""
        fresh = snapshots.restored(chunks)
        for field in fields(State):
            setattr(self.state, field.name, getattr(fresh, field.name))
        self.halted = ""
