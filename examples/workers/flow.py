"""How much moves: in the whole scene, and in a zone such as a bed. Needs numpy.

Options: {"bed": [x_min, y_min, x_max, y_max], "threshold": 0.01}, the bed as 0..1 of the frame.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python"))
import vigia  # noqa: E402 - found by the line above

BLOCK = 4  # Pixels a side. The mean of a block has a quarter of a pixel's noise.
NOISE = 3.0  # Grey levels: smaller differences always count as noise.


def blocks(grey):
    """The picture as blocks of floats: later steps handle a sixteenth of the values."""
    height, width = (side // BLOCK for side in grey.shape)
    cut = grey[: height * BLOCK, : width * BLOCK]
    return cut.reshape(height, BLOCK, width, BLOCK).mean((1, 3), dtype=np.float32)


def comparable(now, before, seconds):
    """Whether two pictures can be compared: not the first one, not after a change of size, not smaller than a block.

    Nor when no time passed between them: vigia sometimes corrects capture times, so that they can step back.
    """
    return before is not None and now.shape == before.shape and now.size > 0 and seconds > 0


def in_the_light_of(now, before):
    """`before` as it would look now if nothing had moved: with the best-fitting gain and offset.

    Lamps, clouds and a camera's exposure change both. Moving parts are excluded from the second round on.
    """
    still = np.ones(now.shape, bool)
    for _ in range(3):
        x, y = before[still], now[still]
        spread = x.var()
        # A uniform surface determines the offset only.
        gain = np.clip(((x - x.mean()) * (y - y.mean())).mean() / spread, 0.2, 5) if spread > 1 else 1.0
        fitted = gain * before + (y.mean() - gain * x.mean())
        error = np.abs(now - fitted)
        still = error <= max(NOISE, 2 * float(np.median(error)))
    return fitted


def change(now, before):
    """Grey levels by which each block changed, 0 where that may be noise."""
    levels = np.abs(now - in_the_light_of(now, before))
    # The median is that of blocks at rest, unless half of the scene moves. Seven times the median is 4.7 standard
    # deviations, which noise reaches in one of 400,000 blocks.
    levels[levels <= max(NOISE, 7 * float(np.median(levels)))] = 0
    return levels


def measured(levels, seconds):
    """Energy: brightness change per second, 1 being black to white everywhere. Moving: fraction of the area.

    Per second, because frames are dropped and the distance of two compared ones varies.
    """
    energy = float(levels.mean()) / 255 / seconds
    return {"energy": round(energy, 6), "moving": round(float((levels > 0).mean()), 4)}


def moving_area(levels):
    """One detection around everything that moves; none if nothing does."""
    rows, columns = np.nonzero(levels)
    if len(rows) == 0:
        return []
    height, width = levels.shape
    box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    return [vigia.Detection(0, "motion", min(1.0, levels.max() / 255), box)]


def zone(levels, box):
    """The blocks within a box, at least one."""
    height, width = levels.shape
    left, top = int(box[0] * width), int(box[1] * height)
    return levels[top : max(top + 1, round(box[3] * height)), left : max(left + 1, round(box[2] * width))]


def main():
    options = vigia.options()
    bed, threshold = options.get("bed", [0, 0, 1, 1]), options.get("threshold", 0.01)
    if not (len(bed) == 4 and 0 <= bed[0] < bed[2] <= 1 and 0 <= bed[1] < bed[3] <= 1):
        raise SystemExit(f"options.bed is {bed}; [x_min, y_min, x_max, y_max] is expected, 0 to 1")
    before, before_ns = None, 0
    for frame in vigia.frames(name="flow", format="GRAY8"):
        now, now_ns = blocks(frame.array()), frame.captured_monotonic_ns
        seconds = (now_ns - before_ns) / 1e9
        if not comparable(now, before, seconds):
            frame.result()  # No data: the last known value stands.
        else:
            levels = change(now, before)
            in_bed = measured(zone(levels, bed), seconds)
            in_bed["state"] = "moving" if in_bed["energy"] > threshold else "still"
            data = {"scene": measured(levels, seconds), "bed": in_bed, "interval_ms": round(seconds * 1000, 1)}
            frame.result(moving_area(levels), data)
        before, before_ns = now, now_ns


if __name__ == "__main__":
    main()
