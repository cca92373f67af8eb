"""The allowed answers of a worker, and the errors for others."""

from __future__ import annotations

import traceback
import unittest
from enum import IntEnum
from typing import Any, Dict, List

from vigia import Detection, Keypoint, Mask, WorkerError
from vigia import container as container_package
from vigia.worker._answers import DATA_DEPTH, DATA_LIMIT, DETECTIONS_LIMIT, answer
from vigia.worker._msgpack import unpack

try:
    import numpy
except ImportError:
    numpy = None

BOX = {"class_id": 3, "class_name": "cat", "confidence": 0.5, "bbox": [0.1, 0.2, 0.3, 0.4]}
NOSE = {"name": "nose", "x": 0.5, "y": 0.25, "confidence": 1.0}
GRID = {"width": 2, "height": 2, "counts": [1, 3]}


class Fruit(IntEnum):
    PEAR = 2


def answered(detections: Any = (), data: Any = None) -> Dict[str, Any]:
    return unpack(memoryview(answer(7, detections, data)))


def nested(levels: int, inside: Any = None) -> Any:
    """Nested lists; the content is at that depth."""
    for _ in range(levels):
        inside = [inside]
    return inside


class Answers(unittest.TestCase):
    def refused(self, text: str, detections: Any = (), data: Any = None) -> None:
        with self.subTest(text), self.assertRaisesRegex(WorkerError, text) as caught:
            answer(7, detections, data)
        self.assertEqual(caught.exception.code, "bad_result")

    def test_nothing_seen(self) -> None:
        for nothing in ((), []):
            self.assertEqual(answered(nothing), {"type": "result", "seq": 7})

    def test_detections_and_dicts_are_the_same(self) -> None:
        box = Detection(3, "cat", 0.5, (0.1, 0.2, 0.3, 0.4), [Keypoint(**NOSE)], Mask(2, 2, (1, 3)))
        expected = {**BOX, "keypoints": [NOSE], "mask": GRID}
        given: List[Any] = [box, expected, {**BOX, "keypoints": [Keypoint(**NOSE)], "mask": Mask(2, 2, [1, 3])}]
        self.assertEqual(answered(given)["detections"], [expected] * 3)
        self.assertEqual(answered((BOX, {**BOX, "keypoints": None, "mask": None}))["detections"], [BOX, BOX])
        self.assertIs(container_package.Detection, Detection)

    def test_wrong_detections(self) -> None:
        for given, text in (
            (None, "are a NoneType, a list is expected"),
            (BOX, "are a dict, a list is expected"),
            ([None], "detection 0 is None, a Detection is expected"),
            ([BOX, {**BOX, "score": 1}], "detection 1 has the fields class_id, .*, score; class_id, .* are expected"),
            ([{"class_id": 1}], "detection 0 has the fields class_id; class_id, class_name"),
            ([{1: 2}], "detection 0 has the fields 1;"),
            ([{**BOX, "class_name": 5}], "class_name is a int, a text"),
            ([{**BOX, "class_id": -1}], "class_id -1, 0 to"),
            ([{**BOX, "class_id": 2**53}], "class_id 9007199254740992, 0 to"),
            ([{**BOX, "class_id": 1.0}], "class_id is a float, an integer"),
            ([{**BOX, "confidence": 1.5}], "confidence has 1.5, 0 to 1"),
            ([{**BOX, "bbox": [0, 0, 640, 480]}], "bbox has 640.0, 0 to 1"),
            ([{**BOX, "bbox": [0.3, 0, 0.1, 1]}], "not ordered"),
            ([{**BOX, "keypoints": [{"name": "nose"}]}], r"keypoints\[0\] has the fields name; name, x, y, confidence"),
            ([{**BOX, "keypoints": 5}], "keypoints is a int, a list"),
            ([{**BOX, "mask": {"width": 2}}], "mask has the fields width; width, height, counts"),
            ([{**BOX, "mask": {**GRID, "counts": [1]}}], "add up to 1, 2x2"),
            ([{**BOX, "class_name": "\ud800"}], "half a surrogate"),
            ([BOX] * (DETECTIONS_LIMIT + 1), "10001 detections, at most 10000"),
        ):
            self.refused(text, detections=given)

    def test_coordinates_slightly_outside_are_put_onto_the_edge(self) -> None:
        nose = {**NOSE, "x": -0.1, "y": 1.1}
        given = {**BOX, "bbox": [-0.003, -0.1, 1.004, 1.1], "keypoints": [nose]}
        found = answered([given, Detection(3, "cat", 0.5, (1.02, 0, 1.05, 1))])["detections"]
        self.assertEqual(found[0]["bbox"], [0, 0, 1, 1])
        self.assertEqual(found[0]["keypoints"], [{**NOSE, "x": 0, "y": 1}])
        self.assertEqual(found[1]["bbox"], [1, 0, 1, 1])
        for wrong, text in (
            ({"bbox": [0, 0, 1, 1.1001]}, "bbox has 1.1001, 0 to 1"),
            ({"bbox": [-0.1001, 0, 1, 1]}, "bbox has -0.1001, 0 to 1"),
            ({"bbox": [0, 0, 1, float("nan")]}, "bbox has nan"),
            ({"keypoints": [{**NOSE, "x": 1.2}]}, r"keypoints\[0\]: x has 1.2, 0 to 1"),
            ({"keypoints": [{**NOSE, "confidence": 1.05}]}, r"keypoints\[0\]: confidence has 1.05"),
            ({"confidence": 1.05}, "confidence has 1.05"),
        ):
            self.refused(text, detections=[{**BOX, **wrong}])

    def test_the_deepest_data(self) -> None:
        self.assertEqual(DATA_DEPTH, 16)
        for inside in (7, None, [], {}):
            data = nested(DATA_DEPTH, inside)
            self.assertEqual(answered(data=data)["data"], data)
            self.refused("data is nested deeper than 16 levels", data=nested(DATA_DEPTH + 1, inside))
        self.refused("nested deeper", data={"a": nested(DATA_DEPTH, "x")})

    def test_a_mistake_is_one_traceback(self) -> None:
        for detections, data in (
            ([{**BOX, "confidence": 2}], None),
            ([{"class_id": 1}], None),
            ([{**BOX, "bbox": 7}], None),
            ([{**BOX, "class_name": "\ud800"}], None),
            ((), {"a": "\ud800"}),
        ):
            text = ""
            try:
                answer(7, detections, data)
            except WorkerError:
                text = traceback.format_exc()
            self.assertEqual(text.count("Traceback"), 1, text)

    def test_data_comes_as_json_says_it(self) -> None:
        data = {"a": (1, [2.5, None, True]), "ä": {"": "停"}, "fruit": Fruit.PEAR}
        self.assertEqual(answered(data=data)["data"], {"a": [1, [2.5, None, True]], "ä": {"": "停"}, "fruit": 2})
        for value in (0, False, "", [], {}):
            self.assertEqual(answered(data=value)["data"], value)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_numbers_of_numpy(self) -> None:
        data = {"a": numpy.float32(0.5), "b": numpy.int64(-3), "c": numpy.bool_(True), "d": numpy.float64(2)}
        found = answered([{**BOX, "confidence": numpy.float32(0.5), "class_id": numpy.uint8(3)}], data)
        self.assertEqual(found["data"], {"a": 0.5, "b": -3, "c": True, "d": 2.0})
        self.assertIs(found["data"]["c"], True)
        self.assertEqual(found["detections"], [BOX])
        self.refused("data.x is a ndarray, which JSON", data={"x": numpy.zeros(2)})
        self.refused("data.x is nan", data={"x": numpy.float32("nan")})

    def test_wrong_data(self) -> None:
        circle: List[Any] = []
        circle.append(circle)
        for data, text in (
            (object(), "data is a object, which JSON"),
            ({"a": [0, {1, 2}]}, r"data.a\[1\] is a set, which JSON"),
            ({"a": b"x"}, "data.a is a bytes"),
            ({"a": {1: 2}}, "data.a has a key that is a int"),
            ([float("nan")], r"data\[0\] is nan"),
            ([float("-inf")], r"data\[0\] is -inf"),
            (2**53, "data is beyond 9007199254740991"),
            (circle, f"nested deeper than {DATA_DEPTH}"),
            ({"a": "\ud800"}, "half a surrogate"),
            ("x" * (DATA_LIMIT - 1), f"data of {DATA_LIMIT + 1} bytes as JSON"),
        ):
            self.refused(text, data=data)
        self.assertEqual(len(answered(data="x" * (DATA_LIMIT - 2))["data"]), DATA_LIMIT - 2)

    def test_an_answer_longer_than_a_message(self) -> None:
        long = [{**BOX, "class_name": "c" * 200}] * 9_000
        self.refused("at most 1048576 are allowed", detections=long)


