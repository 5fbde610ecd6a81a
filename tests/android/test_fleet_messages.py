"""The device's messages are Flower's to the byte: each call's request, and every object."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flwr")

from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.app.message import make_message, remove_content_from_message
from flwr.app.metadata import Metadata
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
    RegisterNodeFleetRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest, GetRunResponse, Run
from flwr.proto.transport_pb2 import Scalar
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree
from support.federated_grid import made_update

from tiny_audio_ssl.federated.update_encoding import decode, encode

NODE_ID, RUN_ID = 2**63 + 5, 2**64 - 7  # the upper half of Protobuf's uint64
NODE = Node(node_id=NODE_ID)
KEY = b"a public key"


def content() -> RecordDict:
    """Every kind of record and value, and an array of three pieces, two of which are equal."""
    rng = np.random.default_rng(0)
    arrays = {
        "weights": rng.normal(size=(7, 3)).astype(np.float32),
        "long": np.zeros(11 * 2**20, np.int8),
        "half": rng.normal(size=5).astype(np.float16),
        "wide": rng.normal(size=5),
        "whole": rng.integers(-9, 9, (2, 2, 2)),
        "one": np.array(3, np.float32),
        "none": np.zeros((0, 4), np.float32),
    }
    metrics = {"loss": 0.0, "round": -3, "large": 2**64 - 1, "all": [1.5, -0.0], "counts": [0, -1]}
    config = {
        "on": True,
        "off": False,
        "text": "Größe",
        "": "",
        "bytes": b"\x00\xff",
        "texts": ["a", ""],
        "flags": [True, False],
        "blobs": [b"", b"1"],
        "ids": [1, 2**63],
        "count": 0,
    }
    return RecordDict(
        {
            "arrays": ArrayRecord({name: Array(value) for name, value in arrays.items()}),
            "metrics": MetricRecord(metrics),
            'config "ü"': ConfigRecord(config),
        }
    )


def asked() -> Message:
    metadata = Metadata(RUN_ID, "", 1, NODE_ID, "", "12", 1.8e9, 3600.5, "train", src_task_id=9)
    message = make_message(metadata, content=content())
    metadata.__dict__["_message_id"] = message.object_id
    return message


def reply(to: Message, answer: RecordDict | Error) -> Message:
    metadata = Metadata(
        RUN_ID, "", NODE_ID, 1, to.metadata.message_id, "12", 1.8e9 + 0.25, 3600.25, "train",
        dst_task_id=9,
    )  # fmt: skip
    holds = {"content": answer} if isinstance(answer, RecordDict) else {"error": answer}
    return make_message(metadata, **holds)


@pytest.fixture(scope="module")
def calls(device_java, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder with the device's requests, and what it printed."""
    folder = tmp_path_factory.mktemp("calls")
    message = asked()
    for object_id, one in get_all_nested_objects(message).items():
        (folder / object_id).write_bytes(one.deflate())
    pulled = message_to_proto(remove_content_from_message(message))
    settings = {"rounds": 3, "out": "/x", "resume": False, "width": 0.25}
    kinds = {int: "sint64", str: "string", bool: "bool", float: "double"}
    run = Run(run_id=RUN_ID, fab_id="publisher/app", fab_version="0.1.0", series_id=4)
    for name, value in settings.items():
        run.override_config[name].CopyFrom(Scalar(**{kinds[type(value)]: value}))
    answers = {
        "activate-node": ActivateNodeResponse(node_id=NODE_ID),
        "send-node-heartbeat": SendNodeHeartbeatResponse(success=True),
        "pull-messages": PullMessagesResponse(
            messages_list=[pulled], message_object_trees=[get_object_tree(message)]
        ),
        "pull-object": PullObjectResponse(
            object_found=True, object_available=True, object_content=b"12345"
        ),
        "push-messages": PushMessagesResponse(
            results={"x": 0}, objects_to_push=["a", "b"], session_id="a session"
        ),
        "push-object": PushObjectResponse(stored=True),
        "get-run": GetRunResponse(run=run),
    }
    for name in ("register-node", "confirm-message-received", "deactivate-node", *answers):
        answer = answers.get(name)
        data = answer.SerializeToString(deterministic=True) if answer is not None else b""
        (folder / f"{name}.answer").write_bytes(data)
    tool = [*device_java, "org.tinyaudiossl.federated.ToolKt", "calls", str(folder)]
    done = subprocess.run(tool, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


def test_answers_are_read(calls):
    metadata, run, pulled, *_, wanted = calls[1]
    assert metadata == (
        f"Metadata(runId=-7, messageId={asked().metadata.message_id}, sourceNodeId=1, "
        f"destinationNodeId={NODE_ID - 2**64}, replyToMessageId=, groupId=12, ttlS=3600.5, "
        "messageType=train, createdAtS=1.8E9, sourceTaskId=9, destinationTaskId=null)"
    )
    assert run.startswith("Run(id=-7, appId=publisher/app, appVersion=0.1.0, seriesId=4, settings=")
    assert all(one in run for one in ("rounds=3", "out=/x", "resume=false", "width=0.25"))
    assert pulled == "5"
    assert wanted == "Wanted(objectIds=[a, b], sessionId=a session)"


def test_objects_have_pythons_ids_which_are_hashes_of_their_bytes(calls):
    answers = [reply(asked(), content()), reply(asked(), Error(2, "no clips"))]
    assert calls[1][3:5] == [one.object_id for one in answers]


def test_requests_are_pythons_to_the_byte(calls):
    message = reply(asked(), content())
    tree = get_object_tree(message)
    refused = reply(asked(), Error(2, "no clips"))
    message.metadata.__dict__["_message_id"] = message.object_id
    of_run = {"node": NODE, "run_id": RUN_ID}
    expected = {
        "register-node": RegisterNodeFleetRequest(public_key=KEY),
        "activate-node": ActivateNodeRequest(public_key=KEY, heartbeat_interval=30),
        "send-node-heartbeat": SendNodeHeartbeatRequest(node=NODE, heartbeat_interval=30),
        "pull-messages": PullMessagesRequest(node=NODE),
        "get-run": GetRunRequest(**of_run),
        "pull-object": PullObjectRequest(**of_run, object_id="an object"),
        "confirm-message-received": ConfirmMessageReceivedRequest(
            **of_run, message_object_id=asked().metadata.message_id
        ),
        "push-messages": PushMessagesRequest(
            node=NODE,
            messages_list=[message_to_proto(remove_content_from_message(message))],
            message_object_trees=[tree],
            clientapp_runtime_list=[1.5],
        ),
        "push-object": PushObjectRequest(
            **of_run,
            object_id=refused.object_id,
            object_content=refused.deflate(),
            session_id="a session",
        ),
        "deactivate-node": DeactivateNodeRequest(node_id=NODE_ID),
    }
    for name, request in expected.items():
        found = (calls[0] / f"{name}.request").read_bytes()
        assert found == request.SerializeToString(deterministic=True), name


def test_encoded_updates_are_pythons_to_the_byte(device_java, tmp_path):
    updates = np.stack([made_update(seed, size=1_000) for seed in range(3)])
    (tmp_path / "updates.f32").write_bytes(updates.astype("<f4").tobytes())
    tool = [*device_java, "org.tinyaudiossl.federated.ToolKt", "encode", str(tmp_path)]
    done = subprocess.run(tool, capture_output=True, text=True)
    expected = []
    for encoding in ("float32", "float16", "int8"):
        kept = np.zeros(1_000, np.float32)
        for update in updates:
            wanted = update + kept
            record = encode(wanted, encoding)
            kept = wanted - decode(record, encoding, 1_000)
            expected.append(RecordDict({"arrays": record}).object_id)
    assert done.stdout.split() == expected, done.stderr
