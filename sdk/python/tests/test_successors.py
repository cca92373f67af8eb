"""Thousands of successive segments: nothing accumulates, and a kept view stays readable."""

from __future__ import annotations

from .picture import Picture
from .support import SupplierCase, mapping_count, open_descriptors, virtual_kib

SMALL = Picture(16, 16, "GRAY8", ((0, 16),), 256)
SUCCESSORS = 3000


class Successors(SupplierCase):
    def test_another_size(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        supplier.publish()
        with self.take(reader) as frame:
            self.assertEqual((frame.width, frame.byte_length), (64, 9216))
            supplier.successor(SMALL)
            supplier.publish()
            self.assertEqual(frame.copy(), b"\1" * 9216)  # the old one stays whole
            self.assertTrue(frame.release())
        with self.take(reader) as frame:
            self.assertEqual((frame.width, frame.byte_length, frame.copy()), (16, 256, b"\2" * 256))

    def test_an_offer_from_a_segment_that_has_a_successor(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        reader.poll()
        supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
        supplier.publish()
        supplier.successor()
        with self.assertRaises(TimeoutError):
            reader.next(timeout=0.02)
        self.assertEqual(reader.statistics()["expired"], 1)
        supplier.publish()
        self.assertEqual(self.take(reader).seq, 2)

    def test_the_same_slot_and_generation_in_a_successor_is_another_frame(self) -> None:
        supplier = self.start(picture=SMALL)
        reader = self.attach(supplier)
        reader.poll()
        supplier.wait_until(lambda: supplier.readers[0].count(128) == 1)
        supplier.publish()
        slot, generation = self.held(supplier), supplier.segment.generation(self.held(supplier))
        with supplier.lock:
            supplier.successor()
            supplier.segment.begin(slot)
            self.assertEqual(supplier.segment.commit(slot, 99, SMALL.stamp(0)), generation)
        with self.assertRaises(TimeoutError):
            reader.next(timeout=0.02)
        self.assertEqual(reader.statistics()["expired"], 1)

    def test_thousands(self) -> None:
        supplier = self.start(picture=SMALL)
        reader = self.attach(supplier)
        kept, baseline = None, None
        for round_ in range(SUCCESSORS):
            if round_ % 1000 == 100:
                now = (mapping_count(), open_descriptors(), virtual_kib())
                baseline = baseline or now
                self.assertEqual(now[:2], baseline[:2])
                self.assertLess(now[2] - baseline[2], 1024)
            seq = supplier.publish()
            with self.take(reader) as frame:
                self.assertEqual((frame.seq, frame.pixels[255]), (seq, seq % 256))
                if kept is None:
                    kept = frame.pixels
            supplier.successor()
        self.assertEqual(bytes(kept), b"\1" * 256)
        self.assertEqual(reader.statistics(), {"delivered": SUCCESSORS, "expired": 0, "last_seq": SUCCESSORS})
