"""Streams of the client: resumed without gaps, closed when they are left."""

from __future__ import annotations

import threading
from itertools import islice
from typing import List, Optional
from unittest import mock

from vigia.client import ApiError, NoAnswerError, _event_source, _streams

from .client_support import ClientCase, WrittenNode, answer, endless, event, identity, position, stream

FULL = answer(503, {"error": {"code": "busy", "message": "256 streams are open"}})


def resumed_after(node: WrittenNode) -> List[Optional[str]]:
    return [node.header("Last-Event-ID", request) for request in range(len(node.requests))]


class Following(ClientCase):
    def test_a_lost_connection_is_resumed_after_the_last_event(self) -> None:
        cut_short = event(4)[:-1]
        client, node = self.client(
            stream(position(0), event(1), event(2)[:20], event(2)[20:]),
            FULL,
            stream(position(2), event(3), cut_short),
            endless(position(3), event(4), event(5)),
        )
        lost: List[Exception] = []
        events = client.follow(on_lost=lost.append, retry_s=0)
        got = [found["id"] for found in islice(events, 5)]
        events.close()
        self.assertEqual(got, [identity(number) for number in (1, 2, 3, 4, 5)])
        self.assertEqual(resumed_after(node), [None, identity(2), identity(2), identity(3)])
        self.assertEqual([getattr(error, "code", None) for error in lost], ["lost", "busy", "lost"])

    def test_without_an_event_it_goes_on_where_it_began(self) -> None:
        client, node = self.client(stream(position(7)), endless(event(8)))
        events = client.follow(retry_s=0)
        self.assertEqual(next(events)["id"], identity(8))
        events.close()
        self.assertEqual(resumed_after(node), [None, identity(7)])

    def test_a_known_event_to_begin_with(self) -> None:
        client, node = self.client(endless(event(8)))
        events = client.follow(after=identity(3))
        next(events)
        events.close()
        self.assertEqual(resumed_after(node), [identity(3)])
        self.assertEqual(node.header("Accept"), "text/event-stream")

    def test_leaving_it_closes_the_connection(self) -> None:
        client, node = self.client(endless(event(1)))
        for found in client.follow():
            self.assertEqual(found["id"], identity(1))
            break
        self.assertTrue(node.ended.acquire(timeout=3))

    def test_a_refusal_ends_it(self) -> None:
        client, _ = self.client(answer(403, {"error": {"code": "forbidden", "message": "no"}}))
        with self.assertRaises(ApiError) as caught:
            next(client.follow())
        self.assertEqual(caught.exception.code, "forbidden")

    def test_what_would_come_again_and_again_ends_it(self) -> None:
        client, _ = self.client(stream(event(1)), stream("data: {\n\n"))
        with mock.patch.object(_event_source, "MESSAGE_LIMIT_BYTES", 20):
            for _ in range(2):
                with self.assertRaises(NoAnswerError) as caught:
                    next(client.follow(retry_s=0))
                self.assertEqual(caught.exception.code, "bad_answer")

    def test_silence_counts_as_a_lost_connection(self) -> None:
        client, _ = self.client(endless(event(1)), endless(event(2)))
        lost: List[Exception] = []
        with mock.patch.object(_streams, "SILENCE_S", 0.2):
            events = client.follow(on_lost=lost.append, retry_s=0)
            self.assertEqual([found["id"] for found in islice(events, 2)], [identity(1), identity(2)])
            events.close()
        self.assertEqual([getattr(error, "code", None) for error in lost], ["timeout"])

    def test_a_stream_lasts_longer_than_the_timeout_of_a_call(self) -> None:
        client, node = self.client(endless(event(1)), timeout=0.2)
        lost: List[Exception] = []
        events = client.follow(on_lost=lost.append, retry_s=0)
        next(events)
        timer = threading.Timer(0.5, client.close)
        timer.start()
        self.assertEqual(list(events), [])
        timer.join()
        self.assertEqual((lost, len(node.requests)), ([], 1))

    def test_closing_the_client_ends_it_in_another_thread_also_while_it_pauses(self) -> None:
        client, _ = self.client(stream(event(1)))
        paused = threading.Event()
        got: List[object] = []
        follow = client.follow(on_lost=lambda _: paused.set(), retry_s=60)
        thread = threading.Thread(target=lambda: got.extend(follow), daemon=True)
        thread.start()
        self.assertTrue(paused.wait(5))
        client.close()
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertEqual(len(got), 1)


class Watching(ClientCase):
    def test_what_is_wanted_and_what_was_lost(self) -> None:
        result = 'event: result\ndata: {"type": "result", "result": {"camera": "hall"}}\n\n'
        lost = 'event: lost\ndata: {"type": "lost", "samples": 3}\n\n'
        client, node = self.client(stream(position(1), result, lost), endless(result))
        items = client.watch(["result", "event"], "hall", retry_s=0)
        self.assertEqual([item["type"] for item in islice(items, 3)], ["result", "lost", "result"])
        items.close()
        self.assertIn("GET /api/v1/stream?types=result%2Cevent&camera=hall ", node.requests[0])
        self.assertEqual(resumed_after(node), [None, identity(1)])
