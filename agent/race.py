"""Do something unless an event comes first."""

import asyncio
from collections.abc import Coroutine


async def unless(event: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do *work*, but drop it when *event* is set. Returns whether it was done; its error is raised.

    Neither outlives the call, also when the caller is cancelled.
    """
    doing = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        doing.cancel()
        waiting.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)
    if doing.cancelled():
        return False
    doing.result()
    return True
