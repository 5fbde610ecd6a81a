"""A native device behind pipes: it speaks Flower's Fleet API to this process, byte by byte."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flwr.app import Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeResponse,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.run_pb2 import GetRunResponse, Run
from flwr.proto.transport_pb2 import Scalar
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from support.federated_grid import LoopGrid

from tiny_audio_ssl.federated.config import FederatedConfig

KINDS = {bool: "bool", int: "sint64", str: "string", float: "double"}


class NativeNode:
    """The device of the tests' Kotlin tool; `sent` are all requests that it has made."""

    def __init__(self, command: Sequence[str], device: Path, node_id: int) -> None:
        self.node_id = node_id
        self.sent: list[bytes] = []
        self._app = json.loads((device / "device.json").read_text())["app"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def answer(self, message: Message, config: FederatedConfig) -> Message:
        """Hand a message of a run with these settings to the device, and return its reply."""
        message.metadata.__dict__["_message_id"] = message.object_id
        objects = {key: one.deflate() for key, one in get_all_nested_objects(message).items()}
        pulled = PullMessagesResponse(
            messages_list=[message_to_proto(remove_content_from_message(message))],
            message_object_trees=[get_object_tree(message)],
        )
        answers = {
            "activate-node": ActivateNodeResponse(node_id=self.node_id),
            "send-node-heartbeat": SendNodeHeartbeatResponse(success=True),
            "pull-messages": pulled,
            "get-run": GetRunResponse(run=self._run(message.metadata.run_id, config)),
            "push-object": PushObjectResponse(stored=True),
        }
        reply, missing, pushed = PushMessagesRequest(), {""}, {}
        while missing:
            call, request = self._next_request()
            answer = answers.get(call)
            if call == "pull-object":
                content = objects[PullObjectRequest.FromString(request).object_id]
                answer = PullObjectResponse(
                    object_found=True, object_available=True, object_content=content
                )
            elif call == "push-messages":
                reply = PushMessagesRequest.FromString(request)
                (tree,) = reply.message_object_trees
                missing = {one.object_id for one in iterate_object_tree(tree)}
                answer = PushMessagesResponse(objects_to_push=missing, session_id="s")
            elif call == "push-object":
                one = PushObjectRequest.FromString(request)
                pushed[one.object_id] = one.object_content
                missing.discard(one.object_id)
            self._write(answer.SerializeToString() if answer is not None else b"")
        (known,) = map(message_from_proto, reply.messages_list)
        if known.has_content():
            root = inflate_object_from_contents(known.metadata.message_id, pushed)
            assert isinstance(root, Message)
            known.content = root.content
        return known

    def _run(self, run_id: int, config: FederatedConfig) -> Run:
        run = Run(run_id=run_id, fab_id=self._app["id"], fab_version=self._app["version"])
        for name, value in config.run_config().items():
            run.override_config[name].CopyFrom(Scalar(**{KINDS[type(value)]: value}))
        return run

    def _next_request(self) -> tuple[str, bytes]:
        (length,) = struct.unpack(">H", self._read(2))
        call = self._read(length).decode()
        (size,) = struct.unpack(">I", self._read(4))
        self.sent.append(self._read(size))
        return call, self.sent[-1]

    def _read(self, size: int) -> bytes:
        assert self._process.stdout
        found = self._process.stdout.read(size)
        assert len(found) == size, "the device has ended"
        return found

    def _write(self, answer: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(struct.pack(">I", len(answer)) + answer)
        self._process.stdin.flush()


class MixedGrid(LoopGrid):
    """A grid whose node of the native device's id is that device."""

    def __init__(
        self,
        config: FederatedConfig,
        native: NativeNode,
        node_configs: list[dict[str, Any]],
        meddle: Callable[[Message, Message], Message | None] | None = None,
    ) -> None:
        super().__init__(config, node_configs, meddle)
        self.config, self.native = config, native

    def _reply(self, message: Message) -> Message:
        if message.metadata.dst_node_id == self.native.node_id:
            return self.native.answer(message, self.config)
        return super()._reply(message)
