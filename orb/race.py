"""Several works at once, of which none outlives the call, also when the caller is cancelled.

Unlike those of a TaskGroup, errors are raised as they are.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

Work = Coroutine[object, object, object]


async def unless(event: asyncio.Event, work: Work) -> bool:
    """Do *work*, but drop it when *event* is set. Returns whether it was done."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drop((doing, waiting))
    if doing.cancelled():
        return False
    doing.result()
    return True


async def until_first(*works: Work) -> None:
    """Do all *works* until the first one ends or fails, then drop the others."""
    doing = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drop(doing)
    _raise_first(doing)


async def all_of(*works: Work) -> None:
    """Do all *works* to their end; if one fails, drop the others."""
    doing = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await _drop(doing)
    _raise_first(doing)


async def until_heard(sending: Work, hearing: Work, linger_seconds: float) -> None:
    """Do both until *hearing* ends. After *sending* has ended, hear on for at most that long."""
    doing, listening = asyncio.ensure_future(sending), asyncio.ensure_future(hearing)
    try:
        await asyncio.wait({doing, listening}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done() and not doing.cancelled() and doing.exception() is None:
            await asyncio.wait({listening}, timeout=linger_seconds)
    finally:
        await _drop((doing, listening))
    _raise_first((doing, listening))


async def _drop(works: Iterable["asyncio.Future[Any]"]) -> None:
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


def _raise_first(works: Iterable["asyncio.Future[Any]"]) -> None:
    for work in works:
        if not work.cancelled():
            work.result()


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """One error out of a group, however deep it lies: the first that happened."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
