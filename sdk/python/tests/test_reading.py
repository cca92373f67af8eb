"""Which frames a reader gets, and what it may do with them."""

from __future__ import annotations

import asyncio
import select
import threading
import time
from unittest import mock

from vigia import LeaseError, _reader
from vigia._futex import FutexWord
from vigia._seat import Seat

from .support import WAKES, SupplierCase


class Newest(SupplierCase):
    def test_a_frame_as_it_was_published(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                before = time.monotonic_ns()
                seq = supplier.publish(age_ms=20)
                with self.take(reader) as frame:
                    self.assertEqual((frame.seq, frame.width, frame.height, frame.format), (seq, 64, 48, "RGB24"))
                    self.assertEqual((frame.pts_us, frame.captured_wall_us), (40_000, 1_767_225_600_123_456))
                    self.assertEqual(frame.planes, ((0, 192),))
                    self.assertLess(frame.captured_monotonic_ns, before)
                    self.assertGreaterEqual(frame.age_ms, 20)
                    self.assertEqual(frame.copy(), bytes([seq]) * 9216)
                    self.assertEqual((len(frame.pixels), frame.byte_length), (9216, 9216))
                    self.assertIn("64x48", repr(frame))
                self.assertEqual(supplier.readers[0].count(144), seq)  # `taken`

    def test_only_the_newest_of_those_published_meanwhile(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        with self.take(reader) as frame:
            self.assertEqual(frame.seq, 1)
            for _ in range(5):
                supplier.publish()
        with self.take(reader) as frame:
            self.assertEqual(frame.seq, 6)
        self.assertEqual(supplier.readers[0].results, {"ok": 1, "expired": 0, "overwritten": 4})
        self.assertEqual(reader.statistics(), {"delivered": 2, "expired": 0, "last_seq": 6})

    def test_an_offer_that_was_overtaken_is_given_back(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                self.assertIsNone(reader.poll())  # asks
                supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
                for _ in range(3):
                    supplier.publish()
                with self.take(reader) as frame:
                    self.assertEqual(frame.seq, 3)
                self.assertEqual(reader.statistics(), {"delivered": 1, "expired": 1, "last_seq": 3})
                self.assertEqual(supplier.readers[0].results["expired"], 1)

    def test_a_flood_cannot_keep_a_reader_from_ever_getting_a_frame(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        reader.poll()
        supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
        supplier.publish()
        supplier.publish()
        with mock.patch.object(Seat, "wanted", True):  # there is always a newer one
            self.assertEqual(self.take(reader).seq, 2)

    def test_a_stale_offer_is_given_back(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish(age_ms=1500)
        with self.assertRaises(TimeoutError):
            reader.next(timeout=0.05)
        supplier.publish(age_ms=10)
        with self.take(reader) as frame:
            self.assertEqual(frame.seq, 2)
        self.assertEqual(reader.statistics()["expired"], 1)

    def test_a_timeout_leaves_one_request_and_the_reader_usable(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                for _ in range(3):
                    with self.assertRaisesRegex(TimeoutError, "people"):
                        reader.next(timeout=0.01)
                # The offer arrives between two calls: the next call takes it and does not ask again.
                supplier.publish()
                self.assertEqual(self.take(reader).seq, 1)
                self.assertEqual(supplier.readers[0].count(128), 1)

    def test_counts_wrap(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        almost = 0xFFFF_FFFE
        with supplier.lock:
            for word in (128, 132):
                reader._page._words32[word // 4] = almost
            supplier.readers[0].delivered = almost
            supplier.table.set(0, 8, almost)
        for seq in range(1, 6):
            supplier.publish()
            with self.take(reader) as frame:
                self.assertEqual(frame.seq, seq)
        self.assertEqual(supplier.readers[0].count(132), 3)

    def test_two_readers_of_one_frame(self) -> None:
        supplier = self.start()
        first, second = self.attach(supplier, "a"), self.attach(supplier, "b", wake="futex")
        supplier.publish()
        with self.take(first) as one, self.take(second) as two:
            self.assertEqual((one.seq, two.seq), (1, 1))
            self.assertEqual(self.held(supplier, 0), self.held(supplier, 1))


class Waking(SupplierCase):
    def test_the_supplier_ends_a_wait_on_the_futex(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier, wake="futex")
        futex, thread_id = reader._seat.futex, threading.get_native_id()
        waits = []

        def timed(bell: int, seconds: float) -> None:
            before = time.monotonic()
            FutexWord.wait(futex, bell, seconds)
            waits.append(time.monotonic() - before)

        def asleep() -> bool:
            # "running", or the number of the system call and its arguments.
            with open(f"/proc/self/task/{thread_id}/syscall") as state:
                return hex(futex._word.value) in state.read().split()

        def publish_to_a_sleeper() -> None:
            self.eventually(asleep)
            supplier.publish()

        publisher = threading.Thread(target=publish_to_a_sleeper)
        with mock.patch.object(_reader, "WAIT_SLICE_S", 60), mock.patch.object(futex, "wait", timed):
            publisher.start()
            self.assertEqual(self.take(reader).seq, 1)
        publisher.join()
        self.assertEqual(len(waits), 1)
        self.assertLess(waits[0], 5)  # the end of its patience

    def test_a_bell_that_has_rung_is_not_waited_for(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier, wake="futex")
        reader._seat.futex.wait(reader._seat.bell + 1, 60)


class Leases(SupplierCase):
    def test_one_at_a_time(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        frame = self.take(reader)
        for call in (reader.next, reader.poll):
            with self.assertRaisesRegex(LeaseError, "frame 1 is held; release it") as caught:
                call()
            self.assertEqual(caught.exception.code, "lease_held")
        self.assertTrue(frame.release())

    def test_nothing_works_after_the_release(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        with self.take(reader) as frame:
            kept = frame.pixels
            self.assertTrue(frame.release())  # leaving the block after that is fine
        for use in (frame.release, frame.whole, frame.copy, frame.array, lambda: frame.pixels, frame.__enter__):
            with self.assertRaises(LeaseError) as caught:
                use()
            self.assertEqual(caught.exception.code, "lease_released")
        self.assertTrue(frame.released)
        self.assertIn("released", repr(frame))
        self.assertEqual(kept[0], 1)

    def test_a_loop_gives_each_frame_back(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        seen = []
        for frame in reader:
            seen.append(frame)
            self.assertFalse(frame.released)
            supplier.publish()
            if len(seen) == 3:
                break
        self.assertEqual([frame.seq for frame in seen], [1, 2, 3])
        self.assertTrue(all(frame.released for frame in seen))
        self.assertEqual(self.take(reader).seq, 4)

    def test_a_loop_ends_with_the_stream(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        for frame in reader:
            frame.release()  # by hand is fine as well
            supplier.end_seat(0)
        self.assertEqual(reader.end, "stopped")

    def test_a_frame_that_was_rewritten_says_so(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        frame = self.take(reader)
        self.assertTrue(frame.whole())
        self.assertIsNotNone(frame.copy())
        supplier.rewrite(self.held(supplier))
        self.assertFalse(frame.whole())
        self.assertIsNone(frame.copy())
        self.assertFalse(frame.release())
        self.assertEqual(reader.statistics(), {"delivered": 1, "expired": 1, "last_seq": 1})
        supplier.publish()
        self.assertEqual(self.take(reader).seq, 2)
        self.assertEqual(supplier.readers[0].results["expired"], 1)

    def test_an_offer_whose_slot_was_rewritten_is_given_back(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        reader.poll()
        supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
        supplier.publish()
        supplier.rewrite(self.held(supplier))
        with self.assertRaises(TimeoutError):
            reader.next(timeout=0.02)
        supplier.publish()
        self.assertEqual(self.take(reader).seq, 2)
        self.assertEqual(reader.statistics(), {"delivered": 1, "expired": 1, "last_seq": 2})


class EventLoops(SupplierCase):
    def test_poll_and_select(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        self.assertIsNone(reader.poll())
        supplier.publish()
        self.assertEqual(select.select([reader], [], [], 5)[0], [reader])
        with reader.poll() as frame:
            self.assertEqual(frame.seq, 1)
        self.assertIsNone(reader.poll())
        self.assertEqual(select.select([reader], [], [], 0)[0], [])

    def test_asyncio(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)

        async def three() -> list:
            loop, seen, done = asyncio.get_running_loop(), [], asyncio.Event()

            def look() -> None:
                frame = reader.poll()
                while frame is not None:
                    with frame:
                        seen.append(frame.seq)
                    frame = reader.poll()
                if reader.end is None and len(seen) < 3:
                    supplier.publish()
                else:
                    done.set()

            loop.add_reader(reader.fileno(), look)
            look()
            await asyncio.wait_for(done.wait(), 5)
            loop.remove_reader(reader.fileno())
            return seen

        self.assertEqual(asyncio.run(three()), [1, 2, 3])

    def test_fileno_is_for_open_readers_that_wait_on_a_socket(self) -> None:
        supplier = self.start()
        for wake in WAKES:
            reader = self.attach(supplier, wake, wake=wake)
            reader.close()
            with self.assertRaisesRegex(ValueError, "socket"):
                reader.fileno()
        with self.assertRaises(ValueError):
            self.attach(supplier, "c", wake="futex").fileno()
