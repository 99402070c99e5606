"""A bounded way from one coroutine to another, of which either end may go away first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from orb.errors import OrbError

T = TypeVar("T")


class Pipe(Generic[T]):
    """At most *bound* items wait in it; the writer waits for room."""

    def __init__(self, bound: int) -> None:
        self._items: deque[T] = deque()
        self._bound = bound
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._has_news = asyncio.Event()
        self._ended = False
        self._error: OrbError | None = None
        self.left = asyncio.Event()
        """Set once the reader has gone."""

    async def put(self, item: T) -> bool:
        """Hand on an item, waiting for room; False once nobody reads any more."""
        while len(self._items) >= self._bound and not self._is_over:
            self._has_room.clear()
            await self._has_room.wait()
        if self._is_over:
            return False
        self._items.append(item)
        self._has_news.set()
        return True

    def end(self, error: OrbError | None = None) -> None:
        """Nothing more will come; the reader gets what waits, and then *error* if there is one."""
        if not self._ended:
            self._ended, self._error = True, error
            self._has_news.set()
            self._has_room.set()

    def leave(self) -> None:
        """The reader has gone."""
        self.left.set()
        self._items.clear()
        self._has_room.set()

    async def read(self) -> AsyncIterator[T]:
        """The items, until the end. Raises the error that it ended with."""
        while True:
            while self._items:
                item = self._items.popleft()
                self._has_room.set()
                yield item
            if self._ended:
                if self._error is not None:
                    raise self._error
                return
            self._has_news.clear()
            await self._has_news.wait()

    @property
    def _is_over(self) -> bool:
        return self._ended or self.left.is_set()
