"""Contents of configs and secrets on their way from the servers to the tasks that wait for them.

What arrives is handed to who waits and kept no longer: a later task asks again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from orb.contents import digest_of

DIGESTS_PER_MESSAGE_MAX: Final = 1_000
"""Digests in one question; the rest goes into the next."""
ASK_AGAIN_SECONDS: Final = 10.0
"""What has not come after that is asked for again: a server may not have known the task yet."""


@dataclass(eq=False, slots=True)
class _Fetch:
    """One task that waits."""

    missing: set[str]
    found: dict[str, bytes] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class Contents:
    """Who waits for what, and what the servers were asked for."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._fetches: list[_Fetch] = []
        self._asked: set[str] = set()

    async def fetch(self, digests: Collection[str]) -> Mapping[str, bytes]:
        """These contents, once they are all here: for ever, if need be."""
        fetch = _Fetch(set(digests))
        self._fetches.append(fetch)
        try:
            while not fetch.complete.is_set():
                self._wake()
                try:
                    async with asyncio.timeout(ASK_AGAIN_SECONDS):
                        await fetch.complete.wait()
                except TimeoutError:
                    self._asked -= fetch.missing
        finally:
            self._fetches.remove(fetch)
        return fetch.found

    def questions(self) -> Sequence[str]:
        """The next digests to ask for; they count as asked."""
        wanted = dict.fromkeys(
            digest
            for fetch in self._fetches
            for digest in sorted(fetch.missing)
            if digest not in self._asked
        )
        asked = list(islice(wanted, DIGESTS_PER_MESSAGE_MAX))
        self._asked.update(asked)
        return asked

    def restart(self) -> None:
        """A new session knows nothing: everything is to be asked for."""
        self._asked.clear()
        if self._fetches:
            self._wake()

    def take(self, contents: Iterable[bytes]) -> None:
        """These have come. A digest says what they are, so that none can be taken for another."""
        for content in contents:
            digest = digest_of(content)
            self._asked.discard(digest)
            for fetch in self._fetches:
                if digest in fetch.missing:
                    fetch.missing.discard(digest)
                    fetch.found[digest] = content
                    if not fetch.missing:
                        fetch.complete.set()
