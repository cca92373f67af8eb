"""A worker's settings in its environment."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Optional, Tuple

from ..errors import WorkerError

_INPUT = re.compile(r"([A-Z0-9]+) ([0-9]{1,5})x([0-9]{1,5})")


def options() -> Dict[str, Any]:
    """The configuration's ``options`` of this worker; empty without. Raises WorkerError ``bad_environment``."""
    text = os.environ.get("VIGIA_WORKER_OPTIONS") or "{}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WorkerError("bad_environment", "VIGIA_WORKER_OPTIONS is no JSON") from error
    if not isinstance(value, dict):
        raise WorkerError("bad_environment", "VIGIA_WORKER_OPTIONS is no JSON object")
    return value


def worker_input() -> Optional[Tuple[str, int, int]]:
    """The configured format, width and height: the maximum, and the default of :func:`frames`.

    None where they are not set. Raises WorkerError ``bad_environment``.
    """
    text = os.environ.get("VIGIA_INPUT")
    if text is None:
        return None
    found = _INPUT.fullmatch(text)
    if found is None:
        raise WorkerError("bad_environment", f"VIGIA_INPUT is {text[:80]!r}, such as 'GRAY8 320x180' is expected")
    return found.group(1), int(found.group(2)), int(found.group(3))
