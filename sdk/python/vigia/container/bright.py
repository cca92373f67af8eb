"""The smallest real container: the brightness of a picture. For testing clients.

``python3 -m vigia.container.bright --socket PATH --model-id ID [--delay-ms N] [--fail-on-black] [--allow-dir DIR]``
prints ``ready`` on standard output once it answers. With ``--fail-on-black`` a black picture is an error.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import List, Optional, Sequence

from . import Detection, Frame, serve


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Serves until SIGTERM or SIGINT. ``argv``: without the program's name."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--fail-on-black", action="store_true")
    mine, rest = parser.parse_known_args(argv)

    def infer(frame: Frame) -> List[Detection]:
        time.sleep(mine.delay_ms / 1000)
        rgb = frame.rgb()
        if mine.fail_on_black and not any(rgb):
            raise RuntimeError("it is too dark to see anything")
        return [Detection(0, "bright", round(sum(rgb) / len(rgb) / 255, 4), (0.0, 0.0, 1.0, 1.0))]

    serve(
        infer,
        model_id="bright",
        classes=["bright"],
        width=8,
        height=8,
        version="1",
        any_size=True,
        argv=rest,
        on_ready=lambda: print("ready", flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
