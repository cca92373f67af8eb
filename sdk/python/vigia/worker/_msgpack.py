"""The subset of MessagePack that JSON and bytes need: no extension types, keys are texts. Knows no message."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, NamedTuple, Optional

DEPTH_LIMIT = 64
"""Nesting limit of lists and maps."""

_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_LENGTHS = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I")}
_FLOAT64 = struct.Struct(">Bd")
_UNSIGNED = ((2**8 - 1, 0xCC, ">BB"), (2**16 - 1, 0xCD, ">BH"), (2**32 - 1, 0xCE, ">BI"), (2**64 - 1, 0xCF, ">BQ"))
_SIGNED = ((-(2**7), 0xD0, ">Bb"), (-(2**15), 0xD1, ">Bh"), (-(2**31), 0xD2, ">Bi"), (-(2**63), 0xD3, ">Bq"))
"""Limit, first byte and format of integers, in order of their widths."""


class Malformed(Exception):
    """These bytes are not MessagePack, or use an unsupported feature. The text is one sentence."""


class _Sized(NamedTuple):
    """How a kind of value encodes its size: in the first byte below ``fixed_below``, otherwise after one of the codes.
    """

    fixed: int
    fixed_below: int
    code8: Optional[int]
    code16: int
    code32: int


_TEXT = _Sized(0xA0, 32, 0xD9, 0xDA, 0xDB)
_BYTES = _Sized(0, 0, 0xC4, 0xC5, 0xC6)
_LIST = _Sized(0x90, 16, None, 0xDC, 0xDD)
_MAP = _Sized(0x80, 16, None, 0xDE, 0xDF)
_SIZED = {
    code: (kind, width)
    for kind in (_TEXT, _BYTES, _LIST, _MAP)
    for code, width in ((kind.code8, 1), (kind.code16, 2), (kind.code32, 4))
    if code is not None
}


def unpack(message: memoryview) -> Any:
    """The one value that fills ``message``. Bytes in it come as views of it, not as copies. Raises Malformed."""
    reader = _Reader(message)
    value = reader.value(0)
    if reader.left:
        raise Malformed(f"{reader.left} bytes follow the value")
    return value


def pack(value: Any) -> bytes:
    """None, bool, int, float, str, bytes and views of them, list, tuple, dict with texts as keys; subclasses too.

    Raises TypeError for anything else, ValueError for integers of more than 64 bits, half surrogate pairs in texts, and
    values nested deeper than DEPTH_LIMIT.
    """
    out = bytearray()
    _pack(out, value, 0)
    return bytes(out)


class _Reader:
    """Reads values one after another."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._view) - self._at

    def value(self, depth: int) -> Any:
        code = self._take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0xC0:
            return self._fixed(code, depth)
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        number = _NUMBERS.get(code)
        if number is not None:
            return number.unpack(self._take(number.size))[0]
        if code not in _SIZED:
            raise Malformed(f"a value of type 0x{code:02x}, which is not used here")
        kind, width = _SIZED[code]
        return self._sized(kind, _LENGTHS[width].unpack(self._take(width))[0], depth)

    def _fixed(self, code: int, depth: int) -> Any:
        if code < 0x90:
            return self._sized(_MAP, code & 0x0F, depth)
        if code < 0xA0:
            return self._sized(_LIST, code & 0x0F, depth)
        return self._sized(_TEXT, code & 0x1F, depth)

    def _sized(self, kind: _Sized, size: int, depth: int) -> Any:
        if kind is _BYTES:
            return self._take(size)
        if kind is _TEXT:
            return self._text(size)
        if depth == DEPTH_LIMIT:
            raise Malformed(f"it is nested deeper than {DEPTH_LIMIT}")
        # Allocates nothing by the announced size: each item must exist.
        return self._list(size, depth + 1) if kind is _LIST else self._map(size, depth + 1)

    def _list(self, size: int, depth: int) -> List[Any]:
        return [self.value(depth) for _ in range(size)]

    def _map(self, size: int, depth: int) -> Dict[str, Any]:
        out: Dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth)
            if not isinstance(key, str):
                raise Malformed("a key that is no text")
            out[key] = self.value(depth)
        return out

    def _text(self, size: int) -> str:
        try:
            return str(self._take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a text that is no UTF-8") from error

    def _take(self, size: int) -> memoryview:
        if size > self.left:
            raise Malformed(f"it ends after {len(self._view)} bytes, within a value")
        self._at += size
        return self._view[self._at - size : self._at]


def _pack(out: bytearray, value: Any, depth: int) -> None:
    if value is None:
        out.append(0xC0)
    elif isinstance(value, bool):
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _pack_integer(out, value)
    elif isinstance(value, float):
        out += _FLOAT64.pack(0xCB, value)
    elif isinstance(value, str):
        encoded = value.encode()
        _pack_size(out, _TEXT, len(encoded))
        out += encoded
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _pack_size(out, _BYTES, memoryview(value).nbytes)
        out += value
    elif isinstance(value, (list, tuple, dict)):
        _pack_container(out, value, depth + 1)
    else:
        raise TypeError(f"a {type(value).__name__} cannot be packed")


def _pack_container(out: bytearray, value: Any, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise ValueError(f"it is nested deeper than {DEPTH_LIMIT}")
    if not isinstance(value, dict):
        _pack_size(out, _LIST, len(value))
        for item in value:
            _pack(out, item, depth)
        return
    _pack_size(out, _MAP, len(value))
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key is a {type(key).__name__}, texts are expected")
        _pack(out, key, depth)
        _pack(out, item, depth)


def _pack_size(out: bytearray, kind: _Sized, size: int) -> None:
    if size < kind.fixed_below:
        out.append(kind.fixed | size)
    elif size < 0x100 and kind.code8 is not None:
        out += struct.pack(">BB", kind.code8, size)
    elif size < 0x1_0000:
        out += struct.pack(">BH", kind.code16, size)
    elif size < 0x1_0000_0000:
        out += struct.pack(">BI", kind.code32, size)
    else:
        raise ValueError(f"{size} bytes or items, MessagePack has room for {0xFFFF_FFFF}")


def _pack_integer(out: bytearray, value: int) -> None:
    if -32 <= value < 128:
        out.append(value & 0xFF)
        return
    for limit, code, form in _UNSIGNED if value >= 0 else _SIGNED:
        if abs(value) <= abs(limit):
            out += struct.pack(form, code, value)
            return
    raise ValueError(f"{value} has more than 64 bits")
