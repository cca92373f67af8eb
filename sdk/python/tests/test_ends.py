"""How a stream ends, and what is left afterwards."""

from __future__ import annotations

import struct
from unittest import mock

from vigia import LeaseError, _reader

from .support import WAKES, SupplierCase, mapping_count, open_descriptors


def impatient(slice_s: float = 0.02):
    """Gives up on a silent supplier after 30 ms."""
    return mock.patch.multiple(_reader, LOST_NS=30_000_000, WAIT_SLICE_S=slice_s)


class Ends(SupplierCase):
    def ended(self, reader, end: str) -> None:
        self.assertIsNone(reader.next())
        self.assertEqual(reader.end, end)
        self.assertIsNone(reader.poll())
        self.assertEqual(list(reader), [])
        reader.close()
        self.assertEqual(reader.end, end)

    def test_unsubscribed(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                self.assertIsNone(reader.end)
                supplier.end_seat(0)
                self.ended(reader, "stopped")

    def test_the_supplier_stops(self) -> None:
        for wake in WAKES:
            with self.subTest(wake):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                supplier.close()
                self.ended(reader, "stopped")

    def test_a_table_that_was_closed_and_the_seat_freed(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        struct.pack_into("<I", supplier.table.memory, 44, 2)
        supplier.drop(0)
        self.ended(reader, "stopped")

    def test_the_socket_is_closed_without_a_word(self) -> None:
        for wake in WAKES:
            with self.subTest(wake), mock.patch.object(_reader, "WAIT_SLICE_S", 0.02):
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                supplier.drop(0)
                self.ended(reader, "lost")

    def test_bytes_that_were_not_read_are_no_error(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        with supplier.lock:
            for _ in range(3):
                reader._line.ring()
            supplier.drop(0, reset=True)
        self.ended(reader, "lost")

    def test_a_supplier_that_falls_silent(self) -> None:
        for wake in WAKES:
            with self.subTest(wake), impatient():
                supplier = self.start()
                reader = self.attach(supplier, wake=wake)
                supplier.beating = False
                self.ended(reader, "lost")

    def test_silence_is_believed_at_the_second_look_only(self) -> None:
        with impatient(slice_s=60):
            supplier = self.start()
            reader = self.attach(supplier, wake="futex")
            supplier.beating = False
            for _ in range(4):
                with self.assertRaises(TimeoutError):
                    reader.next(timeout=0.02)
            self.assertIsNone(reader.end)

    def test_closing_with_a_frame_held(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        with self.take(reader) as frame:
            kept = frame.pixels
            reader.close()
            self.assertTrue(frame.released)
            with self.assertRaises(LeaseError):
                frame.copy()
        self.ended(reader, "closed")
        self.assertEqual(bytes(kept), b"\1" * 9216)
        self.assertEqual(reader.statistics(), {"delivered": 1, "expired": 0, "last_seq": 1})
        supplier.wait_until(lambda: not supplier.readers)

    def test_a_frame_outlives_its_supplier(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        frame = self.take(reader)
        supplier.close()
        self.assertTrue(frame.whole())
        self.assertEqual(frame.copy(), b"\1" * 9216)
        self.assertTrue(frame.release())
        self.ended(reader, "stopped")

    def test_leaving_the_block_closes(self) -> None:
        supplier = self.start()
        with self.attach(supplier) as reader:
            pass
        self.ended(reader, "closed")

    def test_no_descriptor_and_no_mapping_is_left(self) -> None:
        supplier = self.start()
        before = (open_descriptors(), mapping_count())
        for round_ in range(20):
            with self.attach(supplier, wake=WAKES[round_ % 2]) as reader:
                supplier.publish()
                self.take(reader).release()
            supplier.wait_until(lambda: not supplier.readers)
        reader = None
        self.eventually(lambda: (open_descriptors(), mapping_count()) == before)
