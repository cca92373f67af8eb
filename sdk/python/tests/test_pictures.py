"""Pictures as memory and as arrays, with numpy and without."""

from __future__ import annotations

import unittest

from vigia import VigiaError

from .picture import Picture
from .support import SupplierCase, without_numpy

try:
    import numpy
except ImportError:
    numpy = None


def counted(length: int):
    """Pixels that encode their position."""
    return lambda _: bytes(i * 7 % 251 for i in range(length))


RGB = Picture(8, 4, "RGB24", ((0, 24),), 96, counted(96))
PADDED = Picture(8, 4, "BGR24", ((0, 32),), 120, counted(120))  # no padding behind the last line
GRAY = Picture(9, 5, "GRAY8", ((3, 9),), 48, counted(48))
NV12 = Picture(8, 4, "NV12", ((0, 8), (32, 8)), 48, counted(48))
NV12_PADDED = Picture(6, 4, "NV12", ((0, 8), (32, 8)), 48, counted(48))
NV12_APART = Picture(8, 4, "NV12", ((0, 8), (40, 8)), 56, counted(56))
I420 = Picture(8, 4, "I420", ((0, 8), (32, 4), (40, 4)), 48, counted(48))
I420_PADDED = Picture(6, 4, "I420", ((0, 8), (32, 4), (40, 4)), 48, counted(48))
I420_PADDED_LUMA = Picture(6, 4, "I420", ((0, 8), (32, 3), (38, 3)), 44, counted(44))


class Pictures(SupplierCase):
    def frame(self, picture: Picture):
        supplier = self.start(picture=picture)
        reader = self.attach(supplier)
        supplier.publish()
        return self.take(reader)

    def test_pixels_are_the_segment_itself_and_cannot_be_written(self) -> None:
        with self.frame(PADDED) as frame:
            self.assertEqual(bytes(frame.pixels), PADDED.fill(1))
            self.assertTrue(frame.pixels.readonly)
            self.assertEqual((frame.pixels.format, frame.pixels.ndim), ("B", 1))
            with self.assertRaises(TypeError):
                frame.pixels[0] = 1
            self.assertEqual(frame.planes[0].stride, 32)

    def test_without_numpy_everything_else_works(self) -> None:
        with without_numpy(), self.frame(RGB) as frame:
            with self.assertRaisesRegex(VigiaError, "needs numpy") as caught:
                frame.array()
            self.assertEqual(caught.exception.code, "numpy_missing")
            self.assertEqual(frame.copy(), RGB.fill(1))

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays(self) -> None:
        for picture, shape in (
            (RGB, (4, 8, 3)),
            (PADDED, (4, 8, 3)),
            (GRAY, (5, 9)),
            (NV12, (6, 8)),
            (NV12_PADDED, (6, 6)),
            (I420, (6, 8)),
        ):
            with self.subTest(picture), self.frame(picture) as frame:
                array = frame.array()
                self.assertEqual((array.shape, array.dtype), (shape, numpy.uint8))
                self.assertFalse(array.flags.writeable)
                self.assertTrue(numpy.shares_memory(array, numpy.frombuffer(frame.pixels, numpy.uint8)))
                offset, stride = picture.planes[0]
                depth = 3 if len(shape) == 3 else 1
                pixels = picture.fill(1)
                for y in range(shape[0]):
                    line = pixels[offset + y * stride :][: shape[1] * depth]
                    self.assertEqual(array[y].tobytes(), line)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_planes_that_are_no_single_array(self) -> None:
        for picture in (NV12_APART, I420_PADDED, I420_PADDED_LUMA):
            with self.subTest(picture), self.frame(picture) as frame:
                with self.assertRaisesRegex(VigiaError, "use planes") as caught:
                    frame.array()
                self.assertEqual(caught.exception.code, "no_array")
                chroma = frame.planes[1]
                self.assertEqual(frame.pixels[chroma.offset], picture.fill(1)[chroma.offset])
