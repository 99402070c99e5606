"""Exactly once: a client's retry of a numbered request gets the first answer again."""

from dataclasses import replace
from typing import Final

from controlplane.state.codec import decode_answer, encode_answer
from controlplane.state.commands import Answer, Applied, Entry, Refused
from controlplane.state.tables import CLIENTS_MAX, Client, State

ANSWER_BYTES_MAX: Final = 64 * 1024
"""The longest answer kept for a client; a retry of a longer one gets it without its lists."""


def replayed(state: State, entry: Entry) -> Answer | None:
    """The answer that this very request got before; None if it is new."""
    known = state.clients.get(entry.client) if entry.client else None
    if known is None or entry.sequence > known.sequence:
        return None
    if entry.sequence == known.sequence:
        return decode_answer(known.answer)
    return Refused(
        f"request {entry.sequence} of {entry.client} is older than its last, {known.sequence}"
    )


def remember(state: State, entry: Entry, answer: Answer) -> None:
    """Keep the answer for a retry; the client that has been idle longest makes room."""
    if not entry.client:
        return
    encoded = encode_answer(answer)
    if len(encoded) > ANSWER_BYTES_MAX and isinstance(answer, Applied):
        encoded = encode_answer(replace(answer, details=(), parts=()))
    state.clients.pop(entry.client, None)  # the table is in the order of use
    state.clients[entry.client] = Client(sequence=entry.sequence, answer=encoded, used_at=entry.now)
    if len(state.clients) > CLIENTS_MAX:
        del state.clients[next(iter(state.clients))]
