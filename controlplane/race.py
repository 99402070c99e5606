"""Several works at once, of which the first to end ends all; none outlives the call."""

import asyncio
from collections.abc import Coroutine


async def until_first(*works: Coroutine[object, object, object]) -> None:
    """Do all *works* until the first one ends, then drop the others. Raises what it raised.

    Unlike those of a TaskGroup, errors are raised as they are.
    """
    doing = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for work in doing:
            work.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
    for work in doing:
        if not work.cancelled():
            work.result()


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """One error out of a group, however deep it lies: the first that happened."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
