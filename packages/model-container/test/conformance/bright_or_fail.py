"""The bright model of the SDK, but for a picture that is all black: at that it raises."""

from vigia.container import Detection, serve


def infer(frame):
    rgb = frame.rgb()
    if not any(rgb):
        raise RuntimeError("it is too dark to see anything")
    return [Detection(0, "bright", round(sum(rgb) / len(rgb) / 255, 4), (0.0, 0.0, 1.0, 1.0))]


serve(
    infer,
    model_id="bright",
    classes=["bright"],
    width=8,
    height=8,
    any_size=True,
    on_ready=lambda: print("ready", flush=True),
)
