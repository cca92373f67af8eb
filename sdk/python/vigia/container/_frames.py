"""The frames of one connection: slots of segments, and plain files."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Optional

from .._segment import Segment, Stamp
from .._shared_memory import map_read_only
from ..errors import SegmentError
from ._frame import Frame
from ._messages import FrameMetadata, InferRequest
from ._pixels import packed_layout
from ._references import FrameProblem, FrameRoots

MAX_SEGMENTS = 64
"""Mappings kept per connection: one per camera and rendition of the peer, with room for successors."""
FRAME_BYTES_LIMIT = 64 * 1024 * 1024
"""Largest plain frame accepted: 8K in NV12 fits, 8K in RGB24 does not."""


class ConnectionFrames:
    """Copies frames. Segments are mapped once per path and epoch, and unmapped with the last reference to this object.

    Belongs to the thread that runs the model.
    """

    def __init__(self, roots: FrameRoots) -> None:
        self._roots = roots
        self._segments: OrderedDict[str, Segment] = OrderedDict()

    @property
    def mapped(self) -> int:
        """Number of mapped segments."""
        return len(self._segments)

    def copy(self, request: InferRequest) -> Frame:
        """The frame of a request. Raises FrameProblem."""
        metadata = request.frame_metadata
        if metadata.slot is None:
            return self._copy_file(request.frame_reference, metadata)
        return self._copy_slot(request.frame_reference, metadata, metadata.slot)

    def _copy_file(self, reference: str, metadata: FrameMetadata) -> Frame:
        planes, size = packed_layout(metadata.format, metadata.width, metadata.height)
        if metadata.offset is not None:
            raise _invalid("an offset goes with a slot only")
        _check_strides(metadata, [plane.stride for plane in planes], "packed lines are expected: they have")
        if size > FRAME_BYTES_LIMIT:
            raise _invalid(f"a frame of {size} bytes; at most {FRAME_BYTES_LIMIT} are looked at")
        descriptor = self._roots.open(reference)
        try:
            there = os.fstat(descriptor).st_size
            if there != size:
                raise _invalid(f"{reference} has {there} bytes, one packed frame has {size}")
            pixels = bytearray(size)
            done = 0
            with memoryview(pixels) as view:
                while done < size:
                    count = os.preadv(descriptor, [view[done:]], done)
                    if count == 0:
                        raise _invalid(f"{reference} became shorter while it was read")
                    done += count
        except OSError as error:
            raise _invalid(f"{reference} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)
        return Frame(pixels, metadata.format, metadata.width, metadata.height, planes, metadata.frame_id)

    def _copy_slot(self, reference: str, metadata: FrameMetadata, slot: int) -> Frame:
        generation, epoch = metadata.generation, metadata.epoch
        if generation is None or epoch is None:
            raise _invalid("a slot needs its generation and epoch")
        segment = self._segment(reference, epoch)
        if slot >= segment.slots or generation % 2 or generation == 0:
            raise _invalid(f"slot {slot} of {segment.slots} cannot hold generation {generation}")
        try:
            stamp = segment.stamp(slot, generation)
        except SegmentError as error:
            raise _invalid(str(error)) from error
        if stamp is None:
            raise _expired(slot)
        said = segment.frame_id(slot)
        problem = _contradiction(metadata, stamp, said)
        pixels = None if problem else bytearray(segment.pixels(slot, stamp.byte_length))
        # Torn data proves nothing, so the generation is checked before an error is raised (SYNC F).
        if not segment.holds(slot, generation):
            raise _expired(slot)
        if problem or pixels is None:
            raise _invalid(problem or "")
        return Frame(pixels, stamp.format, stamp.width, stamp.height, stamp.planes, said)

    def _segment(self, reference: str, epoch: int) -> Segment:
        kept = self._segments.pop(reference, None)
        if kept is None or kept.epoch != epoch:
            kept = None  # Unmapped first: a reader of many short-lived segments must not hold two of each.
            kept = self._open(reference)
            if kept.epoch != epoch:
                raise FrameProblem("frame_expired", f"{reference} is another creation of the segment by now")
        self._segments[reference] = kept
        if len(self._segments) > MAX_SEGMENTS:
            self._segments.popitem(last=False)
        return kept

    def _open(self, reference: str) -> Segment:
        descriptor = self._roots.open(reference)
        try:
            return Segment(reference, map_read_only(descriptor))
        except SegmentError as error:
            raise _invalid(str(error)) from error
        except OSError as error:
            raise _invalid(f"{reference} cannot be mapped: {error.strerror}") from error
        finally:
            os.close(descriptor)


def _contradiction(said: FrameMetadata, stamp: Stamp, frame_id: int) -> Optional[str]:
    """Compares the request with the slot's entry: a request that differs is wrong."""
    if (said.width, said.height, said.format) != (stamp.width, stamp.height, stamp.format):
        return (
            f"the frame was announced as {said.width}x{said.height} {said.format}, "
            f"the slot holds {stamp.width}x{stamp.height} {stamp.format}"
        )
    if said.frame_id != frame_id:
        return f"frame {said.frame_id} was announced, the slot holds {frame_id}"
    try:
        _check_strides(said, [plane.stride for plane in stamp.planes], "the slot has")
    except FrameProblem as problem:
        return problem.message
    return None


def _check_strides(said: FrameMetadata, strides: list[int], have: str) -> None:
    for i, stride in enumerate(said.strides or ()):
        right = strides[i] if i < len(strides) else 0
        if stride != right:
            raise _invalid(f"lines of {stride} bytes were announced in plane {i}, {have} {right}")


def _invalid(why: str) -> FrameProblem:
    return FrameProblem("frame_invalid", why)


def _expired(slot: int) -> FrameProblem:
    return FrameProblem("frame_expired", f"slot {slot} holds another frame by now")
