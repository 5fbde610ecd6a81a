"""A grid of simulated clients: forked processes of this machine handle the server's messages.

It has the two methods of Flower's grid that a federation calls. Flower's own simulation needs a
server, its command line, and Ray's processes, whose start alone takes longer than a short run.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, Pipe, wait

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.supercore.task_identity import TaskIdentity

from tiny_audio_ssl.federated import client_app
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.fork_server import fork, run_and_exit

App = Callable[[Message, Context], Message]
FIRST_NODE_ID = 100


class SimulatedGrid:
    """Simulated clients with the node ids 100, 101, ..., of which `workers` compute at a time.

    Workers are forked at once, and again when one has died, so this process must not run threads.
    """

    def __init__(self, config: FederatedConfig, workers: int, app: App = client_app.app) -> None:
        # Flower's processes set it for their app; messages can't be made without.
        TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1
        self.app = app
        self.contexts = {
            FIRST_NODE_ID + number: Context(
                run_id=1,
                node_id=FIRST_NODE_ID + number,
                node_config={"partition-id": number, "num-partitions": config.clients},
                state=RecordDict(),
                run_config=config.run_config(),
            )
            for number in range(config.clients)
        }
        self._busy: dict[Connection, Message] = {}
        self._idle: list[Connection] = []
        for _ in range(min(workers, config.clients)):
            self._idle.append(self._worker())

    def get_node_ids(self) -> list[int]:
        """Return the ids of all clients."""
        return list(self.contexts)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Return the replies that come within `timeout` seconds.

        A late client keeps computing, and its reply is dropped. A message that no worker has
        started on by then is never handled.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting, replies = deque(messages), list[Message]()
        asked: set[Connection] = set()
        while waiting or asked:
            while waiting and self._idle:
                asked.add(self._send(waiting.popleft()))
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            for pipe in wait(self._busy, left_s):
                assert isinstance(pipe, Connection)
                reply = self._receive(pipe)
                if pipe in asked:
                    asked.remove(pipe)
                    replies.append(reply)
        return replies

    def close(self) -> None:
        """End all workers."""
        for pipe in (*self._busy, *self._idle):
            pipe.close()

    def _send(self, message: Message) -> Connection:
        pipe = self._idle.pop()
        pipe.send((message, self.contexts[message.metadata.dst_node_id]))
        self._busy[pipe] = message
        return pipe

    def _receive(self, pipe: Connection) -> Message:
        message = self._busy.pop(pipe)
        try:
            reply, context = pipe.recv()
        except (EOFError, OSError):
            pipe.close()
            self._idle.append(self._worker())
            return _failure("the process of the client has died", message)
        self.contexts[message.metadata.dst_node_id] = context
        self._idle.append(pipe)
        assert isinstance(reply, Message)
        return reply

    def _worker(self) -> Connection:
        ours, jobs = Pipe()
        if fork() == 0:
            for pipe in (ours, *self._busy, *self._idle):
                pipe.close()  # or the others would not see the end of this process
            run_and_exit(lambda: _work(jobs, self.app))
        jobs.close()
        return ours


def _work(jobs: Connection, app: App) -> None:
    while True:
        try:
            message, context = jobs.recv()
        except EOFError:
            return
        try:
            reply = app(message, context)
        except Exception as error:
            traceback.print_exc()
            reply = _failure(f"{type(error).__name__}: {error}", message)
        jobs.send((reply, context))


def _failure(reason: str, message: Message) -> Message:
    error = Error(code=ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason=reason)
    return Message(error, reply_to=message)
