"""A model container in one file, written from docs/protocol/model-container.md and Python's standard library alone.

``python3 minimal_container.py --socket PATH --model-id ID [--delay-ms N] [--allow-dir DIR]`` prints ``ready`` and tells
how bright pictures are: replace ``look``. A thread per connection reads and answers what needs no model; one thread has the
model, so that pictures are looked at one at a time, in the order of the line.
"""

import argparse, json, mmap, os, signal, socket, stat, struct, threading, time
from types import SimpleNamespace

LIMIT, GRANT_S, BYTES = 1 << 20, 0.1, {"RGB24": 3, "BGR24": 3, "GRAY8": 1}  # Bytes per pixel of what `describe` says.
options = argparse.ArgumentParser()
options.add_argument("--socket", required=True)
options.add_argument("--model-id", required=True)
options.add_argument("--delay-ms", type=float, default=0)
options.add_argument("--allow-dir", action="append", default=[])
options = options.parse_args()
roots = [os.path.realpath(folder) + "/" for folder in ["/dev/shm", *options.allow_dir]]
turn = threading.Condition()  # Of all that follows.
line, promise, started = [], None, time.monotonic()
counters = {name: 0 for name in ("requests", "ok", "errors", "batches", "grants", "grants_expired")}
health = {"last_error": None, "failed_runs": 0, "last_ms": 0.0}


def look(pixels):
    time.sleep(options.delay_ms / 1000)
    confidence = round(sum(pixels) / len(pixels) / 255, 4)
    return [{"class_id": 0, "class_name": "bright", "confidence": confidence, "bbox": [0, 0, 1, 1]}]


class Problem(Exception):
    """Code and sentence of an error answer."""


def require(condition, code, why):
    if not condition:
        raise Problem(code, why)


# The tables of the page: which fields, whether they must be there, and what they may be.
number = lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
whole = lambda least, most=2**53 - 1: lambda value: number(value) and least <= value <= most and value == int(value)
text = lambda least, most: lambda value: (
    isinstance(value, str) and least <= len(value.encode("utf-16-le", "surrogatepass")) // 2 <= most)
decimal = lambda value: text(1, 20)(value) and value.isascii() and value.isdigit()
ASK = {"request_id": (False, text(1, 64))}
WHO = {**ASK, "model_id": (True, text(1, 128)), "camera_id": (True, text(1, 128))}
TURN = {**WHO, "consumer": (True, text(1, 128))}
FIELDS = {
    "describe": ASK, "health": ASK, "unwant": TURN, "want": {**TURN, "request_id": (True, text(1, 64))},
    "infer": {**WHO, "timestamp": (True, number), "deadline_ms": (False, lambda value: number(value) and value > 0),
              "frame_reference": (True, text(1, 512)), "grant": (False, text(0, 64)),
              "frame_metadata": (True, lambda value: isinstance(value, dict))},
}
METADATA = {
    "frame_id": (True, whole(0)), "width": (True, whole(1, 16384)), "height": (True, whole(1, 16384)),
    "format": (True, lambda value: value in ["NV12", "I420", *BYTES]), "slot": (False, whole(0, 4095)),
    "generation": (False, decimal), "epoch": (False, decimal),
    "strides": (False, lambda value: isinstance(value, list) and len(value) < 4 and all(map(whole(1), value))),
}


def check(fields, value):
    for name, (needed, right) in fields.items():
        require(right(value[name]) if name in value else not needed, "bad_request", f"{name} is missing or wrong")


def pixels_of(path, meta):
    """A copy of the pixels that a request names, whole and of its size."""
    inside = lambda name: any(name.startswith(root) and name != root for root in roots)
    require(path[0] == "/" and not {"..", "\0"} & {*path.split("/"), *path}, "frame_invalid", "absolute, without ..")
    require(inside("/" + os.path.normpath(path).lstrip("/")), "frame_invalid", "outside of the allowed folders")
    try:
        require(inside(os.path.realpath(path)), "frame_invalid", "leads outside of the allowed folders")
        file = os.open(os.path.realpath(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        nothing = isinstance(error, FileNotFoundError) and not os.path.islink(path)
        raise Problem("frame_not_found" if nothing else "frame_invalid", f"{path} cannot be opened")
    try:
        there = os.fstat(file)
        regular = stat.S_ISREG(there.st_mode) and inside(os.readlink(f"/proc/self/fd/{file}"))
        require(regular and meta["format"] in BYTES, "frame_invalid", f"a file of {list(BYTES)} is expected")
        stride = int(meta["width"]) * BYTES[meta["format"]]
        length = stride * int(meta["height"])
        require(meta.get("strides", [stride]) == [stride], "frame_invalid", "packed lines are expected")
        if "slot" in meta:
            return slot_of(file, there.st_size, meta, length)
        require(there.st_size == length, "frame_invalid", f"{there.st_size} bytes, one packed frame has {length}")
        return os.pread(file, length, 0)
    finally:
        os.close(file)


def slot_of(file, size, meta, length):
    """docs/protocol/frame-segment.md: what a reader must check, and the seqlock."""
    slot, generation = int(meta["slot"]), int(meta.get("generation", "0"))
    require("epoch" in meta and size >= 4096, "frame_invalid", "a slot needs epoch, generation and a segment")
    with mmap.mmap(file, 0, prot=mmap.PROT_READ) as memory:
        magic, version, slots, epoch, stride, start = struct.unpack_from("<8sIIQQQ", memory)
        right = (magic, version, start) == (b"VIGIAFRM", 1, -(-(4096 + slots * 128) // 4096) * 4096)
        require(right and 0 < slots < 4096 and start + slots * stride <= size, "frame_invalid", "no frame segment")
        require(epoch == int(meta["epoch"]), "frame_expired", "another creation of the segment")
        require(slot < slots and generation > 0 and generation % 2 == 0, "frame_invalid", "nothing can be there")
        holds = lambda: struct.unpack_from("<Q", memory, 4096 + slot * 128)[0] == generation
        require(holds(), "frame_expired", "another frame by now")
        frame_id, *shape, _, offset = struct.unpack_from("<8xQ24xIIIII", memory, 4096 + slot * 128)
        formats = {"RGB24": 3, "BGR24": 4, "GRAY8": 5}
        said = [meta["width"], meta["height"], formats[meta["format"]]]
        right = (frame_id, shape) == (meta["frame_id"], said) and offset + length <= stride
        pixels = memory[start + slot * stride + offset :][:length] if right else b""
        with threading.Lock():  # Stands for a fence: the copy is complete before the second look (SYNC F).
            require(holds(), "frame_expired", "another frame by now")
        require(right, "frame_invalid", "the slot holds something else than was announced")
        return pixels


class Connection:
    def __init__(self, peer):
        self.peer, self.owed, self.sending = peer, 0, threading.Lock()

    def send(self, request, answer):
        ident = {"request_id": request["request_id"]} if text(1, 64)(request.get("request_id")) else {}
        body = json.dumps({**ident, **answer}).encode()
        try:
            with self.sending:  # Nobody waits for a peer that does not read: what the kernel cannot take ends it.
                if self.peer.send(struct.pack(">I", len(body)) + body, socket.MSG_DONTWAIT) < 4 + len(body):
                    self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It has gone.

    def fail(self, request, code, why):
        error = {"code": code, "message": why}
        if request.get("op") == "want" and text(1, 64)(request.get("request_id")):
            return self.send(request, {"grant": None, "error": error})
        self.send(request, {**whose(request), "detections": None, "error": error})

    def serve(self):
        with self.peer, self.peer.makefile("rb") as stream:
            try:
                while len(head := stream.read(4)) == 4:
                    size = struct.unpack(">I", head)[0]
                    body = stream.read(size) if size <= LIMIT else b""
                    if len(body) < size <= LIMIT:
                        break  # Half a message and the end.
                    request = json.loads(body.decode(), parse_constant=lambda name: json.loads(""))
                    if not isinstance(request, dict):
                        raise ValueError("not an object")
                    self.handle(request)
            except (ValueError, RecursionError):
                self.fail({}, "bad_request", f"one JSON object in UTF-8, at most {LIMIT} bytes, is expected")
                self.peer.shutdown(socket.SHUT_WR)
                self.peer.settimeout(1)  # Closing with bytes unread would take the answer away from the peer.
                while stream.read(65536):
                    pass
            except OSError:
                pass  # Reset.
            finally:
                with turn:
                    withdraw(lambda entry: entry.connection is self)
                    turn.wait_for(lambda: self.owed == 0)

    def handle(self, request):
        op = request.get("op", "infer")
        try:
            require(op in list(FIELDS), "bad_request", "unknown op")
            check(FIELDS[op], request)
            if op == "infer":
                check(METADATA, request["frame_metadata"])
            require(op not in ("infer", "want") or request["model_id"] == options.model_id, "unknown_model", "another")
        except Problem as problem:
            with turn:
                counters["requests"] += op == "infer" and problem.args[0] == "unknown_model"
                counters["errors"] += op == "infer" and problem.args[0] == "unknown_model"
            return self.fail(request, *problem.args)
        if op == "describe":
            size = {"width": 8, "height": 8, "formats": list(BYTES), "fit": "stretch"}
            facts = {"protocol": 1, "model_id": options.model_id, "model_version": "1", "task": "detection"}
            more = {"classes": ["bright"], "input": size, "max_batch": 1, "providers": ["cpu"], "error": None}
            return self.send(request, {**facts, **more})
        with turn:
            if op == "health":
                return self.send(request, state())
            key = (self, request["camera_id"], request.get("consumer"))
            if op == "unwant":
                withdraw(lambda entry: entry.key == key)
                return self.send(request, {"grant": None, "error": None}) if "request_id" in request else None
            entry = SimpleNamespace(connection=self, request=request, op=op, key=key, since=time.monotonic(), used=None)
            why = take_place(entry)
            if why:
                return self.fail(request, *why)
            turn.notify_all()
            if "request_id" not in request:  # Answers without an id keep their order: the next request waits.
                turn.wait_for(lambda: self.owed == 0)


def whose(request):
    """What an answer repeats of its request, as far as it can be read."""
    meta = request["frame_metadata"] if isinstance(request.get("frame_metadata"), dict) else {}
    camera, frame = request.get("camera_id"), meta.get("frame_id")
    camera_id = camera[:128] if isinstance(camera, str) else ""
    return {"model_id": options.model_id, "camera_id": camera_id, "frame_id": frame if whole(0)(frame) else 0}


def state():
    p = {"p50": health["last_ms"], "p99": health["last_ms"]}
    word = "failing" if health["failed_runs"] >= 3 else "ready"
    return {"state": word, "uptime_ms": (time.monotonic() - started) * 1000, "counters": counters,
            "inference_ms": p, "last_error": health["last_error"], "error": None}


def take_place(entry):
    """Puts a request in line, or gives it to the grant that it uses. Else code and sentence. With `turn`."""
    request, infer = entry.request, entry.op == "infer"
    counters["requests"] += infer
    why = None
    if "grant" in request:
        mine = promise and (promise.grant, *promise.key[:2]) == (request["grant"], *entry.key[:2]) and not promise.used
        why = None if mine else ("grant_expired", "ask again")
    elif any(other.op == entry.op and (other.key[1] if infer else other.key) == (entry.key[1] if infer else entry.key)
             for other in line):
        why = ("overloaded", "one of this camera waits") if infer else ("bad_request", "this key waits already")
    if why:
        counters["errors"] += infer
    elif "grant" in request:
        promise.used = entry
    else:
        line.append(entry)
    entry.connection.owed += not why
    return why


def settle(entry, answer=None, problem=None):
    """Answers what was in line. With `turn`."""
    if entry.op == "infer":
        counters["ok" if problem is None else "errors"] += 1
    if problem:
        health["last_error"] = f"{problem[0]}: {problem[1]}"
        entry.connection.fail(entry.request, *problem)
    else:
        entry.connection.send(entry.request, answer)
    entry.connection.owed -= 1
    turn.notify_all()


def withdraw(matches):
    """Wants leave the line, a grant that is out is given back; requests stay. With `turn`."""
    for entry in [entry for entry in line if entry.op == "want" and matches(entry)]:
        line.remove(entry)
        settle(entry, {"grant": None, "error": None})
    if promise and not promise.used and matches(promise):
        promise.used = "nobody"
        turn.notify_all()


def serve_model():
    global promise
    while True:
        with turn:
            turn.wait_for(lambda: line)
            entry = line.pop(0)
            if entry.op == "want":
                counters["grants"] += 1
                entry.grant, promise = f"g{counters['grants']}", entry
                settle(entry, {"grant": {"id": entry.grant, "expires_ms": GRANT_S * 1000}, "error": None})
                turn.wait_for(lambda: entry.used, GRANT_S)
                counters["grants_expired"] += not entry.used
                promise, entry = None, entry.used
        if isinstance(entry, SimpleNamespace):
            run(entry)


def run(entry):
    request, begun = entry.request, time.monotonic()
    waited_ms = (begun - entry.since) * 1000
    answer = problem = None
    try:
        late = "grant" not in request and waited_ms > request.get("deadline_ms", waited_ms)
        require(not late, "deadline_exceeded", "it waited too long")
        pixels = pixels_of(request["frame_reference"], request["frame_metadata"])
        begun = time.monotonic()
        detections = look(pixels)
        took_ms = (time.monotonic() - begun) * 1000
        answer = {**whose(request), "detections": detections, "error": None,
                  "metadata": {"inference_time_ms": took_ms, "queue_ms": waited_ms, "batch_size": 1}}
    except Problem as error:
        problem = error.args
    except Exception as error:  # Of the model: this answer is an error, never an empty list.
        problem = ("inference_failed", str(error))
    with turn:
        ran = problem is None or problem[0] == "inference_failed"
        counters["batches"] += ran
        health["failed_runs"] = 0 if problem is None else health["failed_runs"] + ran
        health["last_ms"] = took_ms if problem is None else health["last_ms"]
        settle(entry, answer, problem)


look(b"\x80\x80\x80")  # It works: only now it listens.
server = socket.socket(socket.AF_UNIX)
if os.path.exists(options.socket) and socket.socket(socket.AF_UNIX).connect_ex(options.socket):
    os.unlink(options.socket)  # Left by somebody who has died.
os.umask(0o117)
server.bind(options.socket)
server.listen(128)
threading.Thread(target=serve_model, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: (os.unlink(options.socket), os._exit(0)))
print("ready", flush=True)
while True:
    threading.Thread(target=Connection(server.accept()[0]).serve, daemon=True).start()
