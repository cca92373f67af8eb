"""Plays an HLS playlist with GStreamer, as fast as it can, and prints what was decoded: a line of JSON.

gst_player.py URL BITS SQUARE SECONDS SOURCE

SOURCE is an element that finds out how to play an address: uridecodebin, uridecodebin3.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


class Player:
    def __init__(self, url, bits, square, source):
        self.bits, self.square = bits, square
        self.numbers, self.times_ms = [], []
        self.audio_samples = 0
        self.warnings = []
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new()
        self.source = Gst.ElementFactory.make(source)
        self.source.set_property("uri", url)
        self.source.connect("pad-added", self.on_pad)
        self.pipeline.add(self.source)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)
        self.end = "time limit"

    def on_pad(self, _, pad):
        caps = pad.get_current_caps() or pad.query_caps()
        kind = caps.get_structure(0).get_name()
        if kind.startswith("video/"):
            self.finish(pad, ["videoconvert"], "video/x-raw,format=GRAY8", self.on_picture)
        else:
            self.finish(pad, ["audioconvert"], "audio/x-raw,format=S16LE,channels=1", self.on_sound)

    def finish(self, pad, names, caps, handler):
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", handler)
        only = Gst.ElementFactory.make("capsfilter")
        only.set_property("caps", Gst.Caps.from_string(caps))
        chain = [*(Gst.ElementFactory.make(name) for name in names), only, sink]
        for element in chain:
            self.pipeline.add(element)
        for one, other in zip(chain, chain[1:]):
            one.link(other)
        for element in chain:
            element.sync_state_with_parent()
        pad.link(chain[0].get_static_pad("sink"))

    def on_picture(self, _, data, pad):
        width = pad.get_current_caps().get_structure(0).get_value("width")
        stride = (width + 3) & ~3
        found, view = data.map(Gst.MapFlags.READ)
        if not found:
            raise RuntimeError("a picture cannot be read")
        try:
            row = self.square // 2 * stride
            middles = [row + bit * self.square + self.square // 2 for bit in range(self.bits)]
            self.numbers.append(sum(1 << bit for bit, at in enumerate(middles) if view.data[at] > 127))
        finally:
            data.unmap(view)
        self.times_ms.append(data.pts / 1e6)

    def on_sound(self, _, data, _pad):
        self.audio_samples += data.get_size() // 2

    def on_message(self, _, message):
        if message.type == Gst.MessageType.EOS:
            self.leave("end")
        elif message.type == Gst.MessageType.ERROR:
            self.leave("error: " + " ".join(str(part) for part in message.parse_error()))
        elif message.type == Gst.MessageType.WARNING:
            self.warnings.append(str(message.parse_warning()[0]))

    def leave(self, end):
        self.end = end
        self.loop.quit()

    def elements(self):
        found, iterator = set(), self.pipeline.iterate_recurse()
        while True:
            result, element = iterator.next()
            if result != Gst.IteratorResult.OK:
                return sorted(found)
            found.add(element.get_factory().get_name())

    def run(self, seconds):
        GLib.timeout_add_seconds(seconds, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        said = {
            "end": self.end,
            "numbers": self.numbers,
            "times_ms": self.times_ms,
            "audio_samples": self.audio_samples,
            "warnings": self.warnings,
            "elements": self.elements(),
            "version": Gst.version_string(),
        }
        self.pipeline.set_state(Gst.State.NULL)
        return said


Gst.init(None)
URL, BITS, SQUARE, SECONDS, SOURCE = sys.argv[1:]
print(json.dumps(Player(URL, int(BITS), int(SQUARE), SOURCE).run(int(SECONDS))))
