"""Peers that send anything, at any pace, and do not read."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import unittest
from typing import Callable, List, cast
from unittest import mock

from vigia.container import _connection as connection_module
from vigia.container import _container as container_module
from vigia.container._connection import Connection
from vigia.container._frames import ConnectionFrames
from vigia.container._loop import Loop
from vigia.container._messages import MESSAGE_LIMIT
from vigia.container._references import FrameRoots
from vigia.container._model_spec import ModelSpec
from vigia.container._service import ModelService, Peer

from .container_support import Client, ContainerCase, FakeClock, GatedModel, encoded, infer

HEALTH = {"op": "health", "request_id": "h"}


class Peers(ContainerCase):
    def test_what_is_not_this_protocol_is_answered_and_closed(self) -> None:
        self.start(GatedModel())
        for name, sent in (
            ("no JSON", encoded(b"abc")),
            ("no object", encoded([1])),
            ("no UTF-8", encoded(b'"\xff\xfe"')),
            ("NaN", encoded(b'{"op":"health","x":NaN}')),
            ("nested", encoded(b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
            ("empty", encoded(b"")),
            ("too long", b"\x00\x10\x00\x01" + b"x" * 100_000),
            ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ):
            with self.subTest(name):
                client = self.client()
                client.socket.sendall(sent)
                answer = client.next()
                self.assert_error(answer, "bad_request")
                self.assertNotIn("request_id", answer)
                self.assertEqual((answer["camera_id"], answer["frame_id"]), ("", 0))
                self.assertTrue(client.ended())
        self.assertEqual(self.client().ask({"op": "health"})["state"], "ready")

    def test_who_is_refused_and_stays_is_closed(self) -> None:
        self.start(GatedModel())
        with mock.patch.object(connection_module, "_LINGER_MS", 20):
            client = self.client()
            client.send(b"abc")
            self.assert_error(client.next(), "bad_request")
            self.assertTrue(client.ended())
        # Sends nothing to a closed socket: the kernel reports that it is closed.
        with self.assertRaises(OSError):
            while True:
                client.socket.sendall(b"x" * 65536)

    def test_what_came_before_the_nonsense_is_answered(self) -> None:
        self.start(GatedModel())
        client = self.client()
        client.send(HEALTH, b"abc", HEALTH)
        self.assertEqual(client.next()["request_id"], "h")
        self.assert_error(client.next(), "bad_request")
        self.assertTrue(client.ended())

    def test_wrong_fields_are_answered_and_the_connection_stays(self) -> None:
        self.start(GatedModel())
        client = self.client()
        answer = client.ask({"request_id": "1", "camera_id": "a", "frame_metadata": {"frame_id": 3}})
        self.assert_error(answer, "bad_request", "timestamp")
        self.assertEqual((answer["request_id"], answer["camera_id"], answer["frame_id"]), ("1", "a", 3))
        answer = client.ask({"op": "want", "request_id": "2"})
        self.assertEqual((answer["grant"], answer["error"]["code"]), (None, "bad_request"))
        answer = client.ask({**infer("\ud800", self.frame), "timestamp": True})
        self.assertEqual(answer["camera_id"], "\ud800")
        answer = client.ask(infer("\udfff", "/dev/shm/\ud800"))
        self.assert_error(answer, "frame_invalid")
        self.assertEqual(answer["camera_id"], "\udfff")
        self.assertEqual(client.ask(HEALTH)["state"], "ready")

    def test_a_message_may_come_byte_by_byte_and_one_of_the_limit_is_read(self) -> None:
        self.start(GatedModel())
        client = self.client()
        for byte in encoded(HEALTH):
            client.socket.sendall(bytes([byte]))
        self.assertEqual(client.next()["request_id"], "h")
        filler = MESSAGE_LIMIT - len(json.dumps({"op": "health", "x": ""}))
        self.assertEqual(client.ask({"op": "health", "x": "x" * filler})["state"], "ready")

    def test_pipelined_requests_are_all_answered(self) -> None:
        self.start(GatedModel())
        client = self.client()
        names = [f"camera{i}" for i in range(150)]
        # More than may be outstanding in order: the rest is read once answers have been sent.
        sender = threading.Thread(target=client.send, args=[infer(name, self.frame) for name in names])
        sender.start()
        self.assertEqual([client.next()["camera_id"] for _ in names], names)
        sender.join()

    def test_all_that_was_sent_before_the_end_is_answered(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        client = self.client()
        client.send(infer("a", self.frame), *({"op": "health"} for _ in range(200)))
        client.socket.shutdown(socket.SHUT_WR)
        model.finish()
        self.assertEqual(client.next()["camera_id"], "a")
        self.assertEqual([client.next()["state"] for _ in range(200)], ["ready"] * 200)
        self.assertTrue(client.ended())

    def test_answers_owed_in_order_are_bounded(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        client = self.client()
        client.send(infer("a", self.frame), *({"op": "health"} for _ in range(63)))
        client.send({"op": "health", "request_id": "late"})
        other = self.client()
        for _ in range(3):
            other.ask(HEALTH)
        client.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            client.socket.recv(1)
        client.socket.settimeout(10)
        model.finish()
        self.assertEqual(client.next()["camera_id"], "a")
        rest = [client.next() for _ in range(64)]
        self.assertEqual(sum("request_id" in answer for answer in rest), 1)

    def test_half_a_message_is_not_waited_for(self) -> None:
        self.start(GatedModel())
        with mock.patch.object(connection_module, "MESSAGE_TIMEOUT_MS", 40):
            slow, gone = self.client(), self.client()
            slow.send(HEALTH)
            self.assertEqual(slow.next()["request_id"], "h")
            slow.socket.sendall(b"\x00")
            gone.socket.sendall(b"\x00\x00\x00\x64half")
            gone.socket.shutdown(1)
            self.assertTrue(gone.ended())
            self.assert_error(slow.next(), "bad_request", "not complete after")
            self.assertTrue(slow.ended())

    def test_connections_beyond_the_limit_are_closed(self) -> None:
        self.start(GatedModel())
        clients = [self.client() for _ in range(container_module.MAX_CONNECTIONS)]
        for client in clients:
            client.ask(HEALTH)
        self.assertTrue(self.client().ended())
        self.assertEqual(clients[0].ask(HEALTH)["state"], "ready")
        clients[1].close()
        self.assertEqual(self.admitted().ask(HEALTH)["state"], "ready")

    def admitted(self) -> Client:
        """The container notices a closed connection with a delay."""
        while True:
            client = self.client()
            try:
                client.ask(HEALTH)
                return client
            except (EOFError, OSError):
                client.close()

    def test_who_does_not_read_is_closed_and_blocks_nobody(self) -> None:
        self.start(GatedModel())
        deaf, other = self.client(), self.client()
        flood = b"".join(encoded({"op": "describe", "request_id": "d"}) for _ in range(500))
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            while True:
                deaf.socket.sendall(flood)
                self.assertEqual(other.ask(HEALTH)["state"], "ready")
        self.assertIn(("warn", "connection 1 does not read its answers: closed"), self.log_lines())
        self.assertEqual(other.ask(infer("a", self.frame))["error"], None)

    def test_who_does_not_read_its_results_blocks_nobody(self) -> None:
        self.start(GatedModel())
        deaf, other = self.client(), self.client()
        deaf.send(*(infer(f"c{i}", self.frame, request_id=str(i)) for i in range(50)))
        for _ in range(20):
            self.assertIsNone(other.ask(infer("a", self.frame))["error"])
        self.assertEqual(len({deaf.next()["request_id"] for _ in range(50)}), 50)

    def test_who_vanishes_in_the_middle_harms_nobody(self) -> None:
        model = GatedModel(gated=True)
        self.start(model)
        for sent in (b"", b"\x00", encoded(infer("a", self.frame)), encoded(b"abc"), encoded(HEALTH) * 100):
            client = self.client()
            client.socket.sendall(sent)
            client.close()
        model.finish()
        client = self.client()
        client.send(infer("b", self.frame))
        model.finish()
        self.assertIsNone(client.next()["error"])
        self.assertEqual(client.ask(HEALTH)["counters"]["ok"], 2)
        levels = [level for level, _ in self.log_lines()]
        self.assertNotIn("error", levels)


class Slowness(unittest.TestCase):
    """A connection with a fake clock: its timeouts."""

    def setUp(self) -> None:
        self.loop = FakeLoop()
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        model = ModelSpec("m", (), 2, 2)
        service = ModelService(model, mock.Mock(), self.loop, 1000, mock.Mock())
        self.closed: List[Connection] = []
        peer, loop = Peer(1, ConnectionFrames(FrameRoots())), cast(Loop, self.loop)
        self.connection = Connection(peer, ours, service, loop, mock.Mock(), self.closed.append)
        self.addCleanup(self.peer.close)
        self.addCleanup(self.connection.close)

    def send(self, data: bytes) -> None:
        self.peer.send(data)
        self.loop.callback(selectors.EVENT_READ)

    def received(self) -> bytes:
        try:
            return self.peer.recv(65536)
        except BlockingIOError:
            return b""

    def test_half_a_message_is_waited_for_ten_seconds_from_its_first_byte(self) -> None:
        self.send(encoded(HEALTH) + b"\x00")
        self.assertIn(b'"h"', self.received())
        for byte in b"\x00\x00\xffdrips!":
            self.loop.advance(1000)
            self.send(bytes([byte]))
        self.loop.advance(999)
        self.assertEqual(self.received(), b"")
        self.loop.advance(1)
        self.assertIn(b"a message was not complete after 10000 ms", self.received())
        self.loop.advance(999)
        self.assertEqual(self.closed, [])
        self.loop.advance(1)
        self.assertEqual(self.closed, [self.connection])
        self.assertEqual(self.loop.pending, 0)

    def test_the_time_begins_anew_with_each_completed_message(self) -> None:
        """Writes that end in the middle of a message: none of the messages is slow, all together are."""
        message = encoded(HEALTH)
        self.send(message[:5])
        for _ in range(5):
            self.loop.advance(9000)
            self.send(message[5:] + message[:5])
            self.assertIn(b'"h"', self.received())
        self.send(message[5:])
        self.assertEqual((self.closed, self.loop.pending), ([], 0))

    def test_an_end_in_the_middle_of_a_message_ends_the_connection(self) -> None:
        self.send(b"\x00\x00")
        self.peer.shutdown(socket.SHUT_WR)
        self.loop.callback(selectors.EVENT_READ)
        self.assertEqual((self.closed, self.loop.pending), ([self.connection], 0))

    def test_what_a_refused_peer_still_sends_is_thrown_away(self) -> None:
        self.send(encoded(b"nonsense"))
        self.assertIn(b"bad_request", self.received())
        self.send(encoded(HEALTH))
        self.assertEqual(self.received(), b"")
        self.peer.close()
        self.loop.callback(selectors.EVENT_READ)
        self.assertEqual((self.closed, self.loop.pending), ([self.connection], 0))


class FakeLoop(FakeClock):
    """Knows one socket, and runs posted callbacks at once."""

    def watch(self, _: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        self.events, self.callback = events, callback

    def post(self, callback: Callable[[], None]) -> None:
        callback()
