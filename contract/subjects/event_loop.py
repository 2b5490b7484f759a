"""The event loop of an asynchronous client, in a thread of its own.

Connections belong to the loop that opened them. So one loop runs the factory, every
update and `aclose`. A call that hangs is cancelled. If it does not end then, or blocks
the loop, the process ends with status 2.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Self, TypeVar

from contract.subjects.watchdog import (
    AGAIN_S,
    GIVE_UP_S,
    CallHangs,
    UserError,
    end_process,
    raised_by_user,
)

Result = TypeVar("Result")


class EventLoop:
    """Runs awaitables of the user. Its thread starts with the first one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the tasks, generators and threads of the loop."""
        if (loop := self._loop) is None:
            return
        with suppress(CallHangs, UserError):
            self.run(end_rest(), GIVE_UP_S)
        self._is_closing = True
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def run(self, awaitable: Awaitable[Result], limit_s: float) -> Result:
        """Return the result of an awaitable. Raise CallHangs, UserError."""
        loop, tasks = self._started(), list[asyncio.Task[Any]]()
        future = asyncio.run_coroutine_threadsafe(settled(awaitable, tasks), loop)

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        try:
            is_late = not wait([future], limit_s).done
        finally:
            end(future, lambda: loop.call_soon_threadsafe(cancel))
        result, error = future.result()
        if is_late:
            raise CallHangs(f"no reply within {limit_s:g} s")
        if error is not None:
            raise raised_by_user(error)
        return result  # type: ignore[return-value]

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, daemon=True)
            self._thread.start()
        return self._loop

    def _serve(self) -> None:
        while not self._is_closing:
            with suppress(SystemExit, KeyboardInterrupt):  # of a task of the user
                self._loop.run_forever()  # type: ignore[union-attr]


async def settled(
    awaitable: Awaitable[Result], tasks: list[asyncio.Task[Any]]
) -> tuple[Result | None, BaseException | None]:
    """Return the result of an awaitable, or its exception. Note the task."""
    tasks += filter(None, [asyncio.current_task()])
    try:
        return await awaitable, None
    except BaseException as error:
        return None, error


def end(future: Future[Any], cancel: Callable[[], object]) -> None:
    """Cancel a call again and again until it ends. Else end the process."""
    give_up_s = time.monotonic() + GIVE_UP_S
    while not future.done():
        if time.monotonic() > give_up_s:
            end_process()
        cancel()
        wait([future], AGAIN_S)


async def end_rest() -> None:
    """End what the user's code left in the loop."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
