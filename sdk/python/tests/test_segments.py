"""Nothing in shared memory is trusted before it was validated."""

from __future__ import annotations

import os
import struct
from unittest import mock

from vigia import FrameReader, SegmentError
from vigia._segment import Segment

from .picture import Picture
from .supplier import Supplier
from .support import SupplierCase


def write(path: str, content: bytes) -> None:
    """Creates a file, which must not exist."""
    with open(path, "xb") as file:
        file.write(content)


class BadSegments(SupplierCase):
    def offered(self, supplier: Supplier, reader: FrameReader) -> int:
        """Makes an offer that the reader has not seen. Returns the slot."""
        self.assertIsNone(reader.poll())
        supplier.wait_until(lambda: supplier.readers[0].count(128) != supplier.readers[0].delivered)
        supplier.publish()
        return self.held(supplier)

    def refuses(self, supplier: Supplier, reader: FrameReader, message: str) -> None:
        """The offer is an error and is given back, and the reader can continue."""
        expired = reader.statistics()["expired"]
        with self.assertRaisesRegex(SegmentError, message) as caught:
            reader.next(timeout=5)
        self.assertEqual(caught.exception.code, "segment_invalid")
        self.assertEqual(reader.statistics()["expired"], expired + 1)

    def goes_on(self, supplier: Supplier, reader: FrameReader) -> None:
        seq = supplier.publish()
        with self.take(reader) as frame:
            self.assertEqual(frame.seq, seq)

    def test_headers_that_cannot_be(self) -> None:
        supplier = self.start()
        for at, wrong, message in (
            (0, b"VIGIASEA", "not a frame segment"),
            (8, b"\2\0\0\0", "version 2 of the segment layout, 1 is understood"),
            (12, struct.pack("<I", 0), "0 slots, 1 to 4095"),
            (12, struct.pack("<I", 4096), "4096 slots, 1 to 4095"),
            (12, struct.pack("<I", 40), "data at 8192, 12288 is right for 40 slots"),
            (24, struct.pack("<Q", 0), "slots of 0 bytes"),
            (24, struct.pack("<Q", 12289), "slots of 12289 bytes, a multiple of 4096"),
            (24, struct.pack("<Q", 2**64 - 4096), "the header speaks of"),
            (24, struct.pack("<Q", 16384), "57344 bytes, the header speaks of 73728"),
            (32, struct.pack("<Q", 2**63), "data at"),
        ):
            with self.subTest(message):
                reader = self.attach(supplier)
                memory = supplier.segment.memory
                right = memory[at : at + len(wrong)]
                memory[at : at + len(wrong)] = wrong
                self.offered(supplier, reader)
                self.refuses(supplier, reader, message)
                memory[at : at + len(wrong)] = right
                self.goes_on(supplier, reader)
                reader.close()
                supplier.wait_until(lambda: not supplier.readers)

    def test_slots_that_cannot_be(self) -> None:
        for picture, at, wrong, message in (
            (Picture(), 40, 0, "0x48 pixels"),
            (Picture(), 40, 2**31, "192 bytes per line, 6442450944 are needed"),
            (Picture(), 44, 49, "ends behind the 9216 bytes"),
            (Picture(), 48, 0, "format 0, 1 to 5"),
            (Picture(), 48, 6, "format 6, 1 to 5"),
            (Picture(), 48, 1, "1 planes, NV12 has 2"),
            (Picture(), 52, 0, "0 planes, 1 to 3"),
            (Picture(), 52, 4, "4 planes, 1 to 3"),
            (Picture(), 56, 1, "ends behind"),
            (Picture(), 60, 191, "191 bytes per line, 192 are needed"),
            (Picture(), 60, 2**32 - 1, "ends behind"),
            (Picture(), 80, 9215, "ends behind the 9215 bytes"),
            (Picture(), 80, 12289, "12289 bytes, it has room for 12288"),
            (Picture(8, 4, "I420", ((0, 8), (32, 4), (40, 4)), 48), 40, 7, "7x4 pixels of I420, even numbers"),
            (Picture(8, 4, "I420", ((0, 8), (32, 4), (40, 4)), 48), 72, 41, "ends behind"),
        ):
            with self.subTest(message):
                supplier = self.start(picture=picture)
                reader = self.attach(supplier)
                slot = self.offered(supplier, reader)
                struct.pack_into("<I", supplier.segment.memory, 4096 + 128 * slot + at, wrong)
                self.refuses(supplier, reader, message)
                self.goes_on(supplier, reader)

    def test_a_torn_entry_is_expired_and_no_error(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        slot = self.offered(supplier, reader)
        struct.pack_into("<I", supplier.segment.memory, 4096 + 128 * slot + 48, 99)
        supplier.rewrite(slot)
        with self.assertRaises(TimeoutError):
            reader.next(timeout=0.02)
        self.assertEqual(reader.statistics()["expired"], 1)

    def test_an_entry_that_is_torn_while_it_is_read_is_expired(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        slot = self.offered(supplier, reader)
        holds, looks = Segment.holds, []

        def meddled(segment: Segment, *reference: int) -> bool:
            looks.append(holds(segment, *reference))
            struct.pack_into("<I", supplier.segment.memory, 4096 + 128 * slot + 48, 99)
            supplier.rewrite(slot)
            return looks[-1]

        with mock.patch.object(Segment, "holds", meddled), self.assertRaises(TimeoutError):
            reader.next(timeout=0.02)
        self.assertEqual(looks, [True, False])

    def test_offers_that_cannot_be(self) -> None:
        for at, wrong in ((16, 4096 + 4), (24, 0), (24, 3)):
            with self.subTest(f"{at}: {wrong}"):
                supplier = self.start()
                reader = self.attach(supplier)
                self.offered(supplier, reader)
                struct.pack_into("<Q", supplier.table.memory, 4096 + at, wrong)
                self.refuses(supplier, reader, "an offer of slot")
                self.goes_on(supplier, reader)

    def test_a_segment_that_is_not_there_yet_or_any_more_is_expired(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        path, aside = supplier.segment_path, f"{supplier.segment_path}.aside"

        def expires(replacement: int) -> None:
            self.offered(supplier, reader)
            os.rename(path, aside)
            if replacement >= 0:
                write(path, bytes(replacement))
            expired = reader.statistics()["expired"]
            with self.assertRaises(TimeoutError):
                reader.next(timeout=0.02)
            self.assertEqual(reader.statistics()["expired"], expired + 1)
            os.rename(aside, path)

        for replacement in (-1, 0, 4096):  # none, an empty one, one whose magic is not written yet
            expires(replacement)
        self.goes_on(supplier, reader)

    def test_a_file_that_is_none(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        path, aside = supplier.segment_path, f"{supplier.segment_path}.aside"
        for make, message in (
            (lambda: os.symlink(aside, path), "not readable as a segment"),
            (lambda: os.mkfifo(path), "not a regular file"),
            (lambda: write(path, b"VIGIAFRM" + bytes(92)), "100 bytes, a header has 4096"),
        ):
            self.offered(supplier, reader)
            os.rename(path, aside)
            make()
            self.refuses(supplier, reader, message)
            os.rename(aside, path)
        self.goes_on(supplier, reader)

    def test_a_file_that_shrinks_while_it_is_mapped(self) -> None:
        supplier = self.start()
        reader = self.attach(supplier)
        self.offered(supplier, reader)
        with mock.patch("mmap.mmap", side_effect=ValueError("mmap length is greater than file size")):
            self.refuses(supplier, reader, "it cannot be mapped")
        self.goes_on(supplier, reader)
