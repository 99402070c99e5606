"""The way of a command into the log: stamped, encoded, agreed on, and its answer read."""

from controlplane.raft.log import Log
from controlplane.state.codec import decode_answer, encode_entry
from controlplane.state.commands import Answer, Applied, Command, Entry, Refused
from orb.clock import Clock
from orb.errors import Conflict, NotFound, OrbError


class Proposer:
    """Proposes commands of people and agents; the leader's own go the same way."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def propose(
        self,
        command: Command,
        *,
        author: str,
        trace: str = "",
        client: str = "",
        sequence: int = 0,
    ) -> Answer:
        """Have it agreed on; the answer may be a refusal. Raises what `Log.propose` raises."""
        entry = Entry(
            command=command,
            now=self._clock.now(),
            author=author,
            trace=trace,
            client=client,
            sequence=sequence,
        )
        return decode_answer(await self._log.propose(encode_entry(entry)))


def done(answer: Answer) -> Applied:
    """The answer to a command that was done. Raises NotFound or Conflict for a refusal."""
    if isinstance(answer, Applied):
        return answer
    raise refusal(answer)


def refusal(answer: Refused) -> OrbError:
    """A refusal as the error that a person is told."""
    if answer.why.startswith("internal:"):
        return OrbError(answer.why, remedy="this is a mistake in Orb: please report it")
    if not answer.missing:
        return Conflict(answer.why)
    return NotFound(answer.why, remedy="`orbctl get services` and `orbctl get nodes` list all")
