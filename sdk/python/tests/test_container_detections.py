"""What a model's function may return."""

from __future__ import annotations

import unittest
from typing import Any, Dict

from vigia.container import Detection, Keypoint, Mask
from vigia._detections import InvalidDetections, encode_detections

try:
    import numpy
except ImportError:
    numpy = None

CLASSES = ("person", "", "car")
NAN, INF = float("nan"), float("inf")


def one(**changed: Any) -> Detection:
    fields: Dict[str, Any] = {"class_id": 0, "class_name": "person", "confidence": 0.5, "bbox": (0.1, 0.2, 0.3, 0.4)}
    return Detection(**{**fields, **changed})


class Detections(unittest.TestCase):
    def test_what_is_right_goes_out_as_it_is(self) -> None:
        self.assertEqual(encode_detections([], CLASSES), [])
        expected = {"class_id": 2, "class_name": "car", "confidence": 0.5, "bbox": [0.1, 0.2, 0.3, 0.4]}
        self.assertEqual(encode_detections([one(class_id=2, class_name="car")], CLASSES), [expected])
        point = {"name": "nose", "x": 0.5, "y": 1.0, "confidence": 0.0}
        found = encode_detections([one(keypoints=[Keypoint(**point)], mask=Mask(2, 2, [1, 3]))], CLASSES)[0]
        self.assertEqual(found["keypoints"], [point])
        self.assertEqual(found["mask"], {"width": 2, "height": 2, "counts": [1, 3]})

    def test_rounding_is_put_right(self) -> None:
        found = encode_detections([one(bbox=[-0.0009, 0, 1.001, 1.0000001], confidence=1.0000001)], CLASSES)[0]
        self.assertEqual((found["bbox"], found["confidence"]), ([0, 0, 1, 1], 1))

    def test_what_is_wrong_is_named(self) -> None:
        for returned, text in (
            *((bad, "a list of Detection is expected") for bad in (None, 7, "x", {}, one(), iter([]), {one()})),
            *(([bad], "detection 0 is") for bad in (None, 7, {}, (0, "person", 0.5, (0, 0, 1, 1)), [one()])),
            ([one(), None], "detection 1 is None"),
            *(([one(class_id=bad)], "class_id") for bad in (-1, 3, 1.0, "0", None, True, NAN)),
            *(([one(class_name=bad)], "was declared as 'person'") for bad in ("", "car", None, 7)),
            *(([one(confidence=bad)], "confidence") for bad in (NAN, INF, -0.01, 1.01, "1", None, True, 1j)),
            *(([one(bbox=bad)], "bbox") for bad in (None, 7, "0123", b"0123", {}, (), (0, 0, 1), (0, 0, 1, 1, 1))),
            *(([one(bbox=bad)], "bbox") for bad in ((0, 0, 1, NAN), (0, 0, 1, 1.01), (-1, 0, 1, 1), (0, 0, 300, 300))),
            *(([one(bbox=bad)], "not ordered") for bad in ((0.5, 0, 0.4, 1), (0, 0.5, 1, 0.4))),
            *(([one(keypoints=bad)], "keypoints") for bad in (7, "x", [7], [None], [Keypoint("n", 0, 0, 0)] * 257)),
            *(([one(keypoints=[Keypoint(*bad)])], "keypoints[0]") for bad in POINTS_WRONG),
            *(([one(mask=bad)], "mask") for bad in (7, [1], {"width": 1}, Mask(0, 1, []), Mask(257, 1, [257]))),
            *(([one(mask=Mask(2, 2, bad))], "mask") for bad in ([3], [5], [-1, 5], [4.0], None, ["4"], [0] * 6 + [4])),
        ):
            with self.subTest(returned), self.assertRaises(InvalidDetections) as caught:
                encode_detections(returned, CLASSES)
            self.assertIn(text, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))

    @unittest.skipIf(numpy is None, "numpy is not there")
    def test_numbers_of_numpy_are_numbers(self) -> None:
        box, mask = numpy.array([0, 0.25, 0.5, 1], numpy.float32), Mask(2, 1, numpy.array([1, 1]))
        found = encode_detections(
            [one(class_id=numpy.int64(0), confidence=numpy.float32(0.5), bbox=box, mask=mask)], CLASSES
        )[0]
        self.assertEqual((found["bbox"], found["confidence"]), ([0, 0.25, 0.5, 1], 0.5))
        self.assertEqual({type(number) for number in (*found["bbox"], found["confidence"])}, {float})
        self.assertEqual({type(found["class_id"]), *map(type, found["mask"]["counts"])}, {int})
        with self.assertRaises(InvalidDetections):
            encode_detections([one(bbox=numpy.array([0, 0, 1, NAN]))], CLASSES)
        with self.assertRaises(InvalidDetections):
            encode_detections([one(bbox=numpy.zeros((2, 4)))], CLASSES)


POINTS_WRONG = (
    *((7, 0, 0, 0), ("n" * 65, 0, 0, 0), (None, 0, 0, 0), ("n", -1, 0, 0), ("n", 0, NAN, 0)),
    *(("n", 0, 0, 2), ("n", None, 0, 0)),
)


class Masks(unittest.TestCase):
    def test_from_rows(self) -> None:
        for rows, counts in (
            ([[0, 0], [0, 0]], (4,)),
            ([[1, 1], [1, 1]], (0, 4)),
            ([[0, 1], [1, 0]], (1, 2, 1)),
            ([[True], [False]], (0, 1, 1)),
        ):
            with self.subTest(rows):
                mask = Mask.from_rows(rows)
                self.assertEqual((mask.width, mask.height, mask.counts), (len(rows[0]), len(rows), counts))
                encode_detections([one(mask=mask)], CLASSES)

    def test_what_is_no_mask(self) -> None:
        for rows in ([], [[]], [[1, 0], [1]], [[0] * 257], [[0]] * 257):
            with self.subTest(rows), self.assertRaises(ValueError):
                Mask.from_rows(rows)

    @unittest.skipIf(numpy is None, "numpy is not there")
    def test_from_an_array(self) -> None:
        grid = numpy.zeros((256, 256), bool)
        grid[::2, ::2] = True
        mask = Mask.from_rows(grid)
        self.assertEqual((mask.width, mask.height, sum(mask.counts), mask.counts[:3]), (256, 256, 65536, (0, 1, 1)))
