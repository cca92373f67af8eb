"""A model container in one file, written from docs/protocol/model-container.md and Python's standard library alone.

``python3 minimal_container.py --socket PATH --model-id ID [--delay-ms N] [--allow-dir DIR]`` prints ``ready`` and reports
how bright pictures are: replace ``look``. A thread per connection reads; one thread has the model and serves the line.
"""

import argparse, json, mmap, os, signal, socket, stat, struct, threading, time

LIMIT, GRANT_S, BYTES = 1 << 20, 0.1, {"RGB24": 3, "BGR24": 3, "GRAY8": 1}  # Bytes per pixel, per accepted format.
options = argparse.ArgumentParser()
options.add_argument("--socket", required=True)
options.add_argument("--model-id", required=True)
options.add_argument("--delay-ms", type=float, default=0)
options.add_argument("--allow-dir", action="append", default=[])
options = options.parse_args()
roots = [os.path.realpath(folder) + "/" for folder in ["/dev/shm", *options.allow_dir]]
turn = threading.Condition()  # Guards all state: the line, the grant that is out, the counters, sending.
line, granted, started, last_error = [], None, time.monotonic(), None
counters = {name: 0 for name in ("requests", "ok", "errors", "batches", "grants", "grants_expired")}


def look(pixels):
    time.sleep(options.delay_ms / 1000)
    confidence = round(sum(pixels) / len(pixels) / 255, 4)
    return [{"class_id": 0, "class_name": "bright", "confidence": confidence, "bbox": [0, 0, 1, 1]}]


class Problem(Exception):
    """Code and sentence of an error answer."""


def require(condition, code, why):
    if not condition:
        raise Problem(code, why)


def check(request):
    """Checks the fields that are used later."""
    op, meta = request.get("op", "infer"), request.get("frame_metadata")
    require(op in ["infer", "want", "unwant", "describe", "health"], "bad_request", "unknown op")
    require(op != "want" or "request_id" in request, "bad_request", "request_id is missing")
    texts = {"infer": ["model_id", "camera_id", "frame_reference"], "describe": [], "health": []}
    for name in texts.get(op, ["model_id", "camera_id", "consumer"]) + ["request_id"] * ("request_id" in request):
        require(isinstance(request.get(name), str) and request[name], "bad_request", f"{name} is no text")
    if op == "infer":
        require(isinstance(meta, dict) and isinstance(meta.get("format"), str), "bad_request", "frame_metadata")
        for name, least, most in (("frame_id", 0, 2**53), ("width", 1, 16384), ("height", 1, 16384), ("slot", 0, 4095)):
            right = type(meta.get(name)) is int and least <= meta[name] <= most
            require(right or name == "slot" and name not in meta, "bad_request", f"{name} is missing or wrong")
        right = all(str(meta.get(name, "0")).isdecimal() for name in ("generation", "epoch"))
        require(right, "bad_request", "generation or epoch")
    require(op not in ("infer", "want") or request["model_id"] == options.model_id, "unknown_model", "not this one")
    return op


def pixels_of(path, meta):
    """A copy of the pixels that a request names, whole and of its size."""
    inside = lambda name: [root for root in roots if name.startswith(root) and name != root]
    require(path[0] == "/" and not {"..", "\0"} & {*path.split("/"), *path}, "frame_invalid", "absolute, without ..")
    require(inside("/" + os.path.normpath(path).lstrip("/")), "frame_invalid", "outside of the allowed folders")
    try:
        require(inside(os.path.realpath(path)), "frame_invalid", "leads outside of the allowed folders")
        file = os.open(os.path.realpath(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Problem("frame_not_found", f"there is no {path}")
    except (OSError, ValueError):
        raise Problem("frame_invalid", f"{path} cannot be opened")
    try:
        there = os.fstat(file)
        regular = stat.S_ISREG(there.st_mode) and inside(os.readlink(f"/proc/self/fd/{file}"))
        require(regular and meta["format"] in BYTES, "frame_invalid", f"a file of {list(BYTES)} is expected")
        stride = meta["width"] * BYTES[meta["format"]]
        require(meta.get("strides", [stride]) == [stride], "frame_invalid", "packed lines are expected")
        if "slot" in meta:
            return slot_of(file, there.st_size, meta, stride * meta["height"])
        require(there.st_size == stride * meta["height"], "frame_invalid", f"{there.st_size} bytes are no packed frame")
        return os.pread(file, there.st_size, 0)
    finally:
        os.close(file)


def slot_of(file, size, meta, length):
    """docs/protocol/frame-segment.md: what a reader must check, and the seqlock."""
    slot, generation = meta["slot"], int(meta.get("generation", 0))
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
        said = [meta["width"], meta["height"], {"RGB24": 3, "BGR24": 4, "GRAY8": 5}[meta["format"]]]
        right = (frame_id, shape) == (meta["frame_id"], said) and offset + length <= stride
        pixels = memory[start + slot * stride + offset :][:length] if right else b""
        with threading.Lock():  # Stands for a fence: the copy is complete before the second look (SYNC F).
            require(holds(), "frame_expired", "another frame by now")
        require(right, "frame_invalid", "the slot holds something else than was announced")
        return pixels


class Connection:
    def __init__(self, peer):
        self.peer, self.owed = peer, 0

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
                    with turn:
                        self.handle(request)
            except (ValueError, RecursionError):
                with turn:
                    self.answer({}, ("bad_request", f"one JSON object in UTF-8, at most {LIMIT} bytes, is expected"))
                self.peer.shutdown(socket.SHUT_WR)
                self.peer.settimeout(1)  # Closing with bytes unread would take the answer away from the peer.
                while stream.read(65536):
                    pass
            except OSError:
                pass  # Reset by the peer.
            finally:
                with turn:
                    withdraw(lambda job: job.connection is self)
                    turn.wait_for(lambda: self.owed == 0)

    def handle(self, request):
        try:
            op = check(request)
        except Problem as problem:
            return self.answer(request, problem.args)
        if op == "describe":
            size = {"width": 8, "height": 8, "formats": list(BYTES), "fit": "stretch"}
            facts = {"protocol": 1, "model_id": options.model_id, "model_version": "1", "task": "detection"}
            more = {"classes": ["bright"], "input": size, "max_batch": 1, "providers": ["cpu"]}
            return self.send(request, {**facts, **more})
        if op == "health":
            about = {"state": "ready", "uptime_ms": (time.monotonic() - started) * 1000, "counters": counters}
            return self.send(request, {**about, "inference_ms": {"p50": 0, "p99": 0}, "last_error": last_error})
        job = Job(self, request, op)
        if op == "unwant":
            withdraw(lambda other: other.key == job.key)
            return self.send(request, {"grant": None}) if "request_id" in request else None
        job.take_place()
        if "request_id" not in request:  # Answers without an id keep their order: the next request waits.
            turn.wait_for(lambda: self.owed == 0)

    def answer(self, request, problem, detections=None, **more):
        """The answer to any failure, and to an `infer` that succeeded."""
        error = problem and {"code": problem[0], "message": problem[1]}
        if request.get("op") == "want" and isinstance(request.get("request_id"), str):
            return self.send(request, {"grant": None}, error)
        meta, camera = request.get("frame_metadata"), request.get("camera_id")
        frame = meta.get("frame_id") if isinstance(meta, dict) else 0
        whose = {"camera_id": camera if isinstance(camera, str) else "", "frame_id": frame if type(frame) is int else 0}
        self.send(request, {"model_id": options.model_id, **whose, "detections": detections, **more}, error)

    def send(self, request, answer, error=None):
        name = request.get("request_id")
        ident = {"request_id": name} if isinstance(name, str) and 0 < len(name) <= 64 else {}
        body = json.dumps({**ident, **answer, "error": error}).encode()
        try:  # Never wait for a peer that does not read: a full socket ends the connection.
            if self.peer.send(struct.pack(">I", len(body)) + body, socket.MSG_DONTWAIT) < 4 + len(body):
                self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It has gone.


class Job:
    """A `want` or an `infer` that waits. Its methods are called with `turn`."""

    def __init__(self, connection, request, op):
        self.connection, self.request, self.op, self.since = connection, request, op, time.monotonic()
        self.key = (connection, request["camera_id"], request.get("consumer"))
        self.place = self.key if op == "want" else self.key[1]  # Each key stands in line once.
        self.grant, self.used = None, None

    def take_place(self):
        """In the line, or with the grant that it uses; else it is answered."""
        self.connection.owed += 1
        counters["requests"] += self.op == "infer"
        if "grant" in self.request:
            mine = granted and (granted.grant, *granted.key[:2]) == (self.request["grant"], *self.key[:2])
            if not mine or granted.used:
                return self.settle(("grant_expired", "ask again"))
            granted.used = self
        elif self.place in [job.place for job in line]:
            return self.settle(("bad_request" if self.op == "want" else "overloaded", "one waits already"))
        else:
            line.append(self)
        turn.notify_all()

    def settle(self, problem=None, detections=None, **more):
        """Answers an `infer`, or a `want` with an error."""
        global last_error
        if self.op == "infer":
            counters["errors" if problem else "ok"] += 1
            last_error = problem[1] if problem else last_error
        self.connection.answer(self.request, problem, detections, **more)
        self.done()

    def give(self, grant):
        """Answers a `want`: it is its turn, or (None) it will not be."""
        self.connection.send(self.request, {"grant": grant and {"id": grant, "expires_ms": GRANT_S * 1000}})
        self.done()

    def done(self):
        self.connection.owed -= 1
        turn.notify_all()


def withdraw(matches):
    """Wants leave the line, a grant that is out is given back; requests stay."""
    for job in [job for job in line if job.op == "want" and matches(job)]:
        line.remove(job)
        job.give(None)
    if granted and not granted.used and matches(granted):
        granted.used = "nobody"
        turn.notify_all()


def serve_line():
    """One at a time: a grant is out, or a picture is looked at."""
    global granted
    while True:
        with turn:
            turn.wait_for(lambda: line)
            job = line.pop(0)
            if job.op == "want":
                counters["grants"] += 1
                job.grant, granted = f"g{counters['grants']}", job
                job.give(job.grant)
                turn.wait_for(lambda: job.used, GRANT_S)
                counters["grants_expired"] += not job.used
                granted, job = None, job.used
        if isinstance(job, Job):
            run(job)


def run(job):
    problem, detections, more = None, None, {}
    waited_ms = (time.monotonic() - job.since) * 1000
    try:
        in_time = "grant" in job.request or waited_ms <= job.request.get("deadline_ms", waited_ms)
        require(in_time, "deadline_exceeded", "it waited too long")
        pixels = pixels_of(job.request["frame_reference"], job.request["frame_metadata"])
        begun = time.monotonic()
        detections = look(pixels)
        took_ms = (time.monotonic() - begun) * 1000
        more["metadata"] = {"inference_time_ms": took_ms, "queue_ms": waited_ms, "batch_size": 1}
    except Problem as error:
        problem = error.args
    except Exception as error:  # Of the model: that is an error too, and never an empty list.
        problem = ("inference_failed", str(error))
    with turn:
        counters["batches"] += detections is not None
        job.settle(problem, detections, **more)


look(b"\x80\x80\x80")  # The model works: listen.
server = socket.socket(socket.AF_UNIX)
if os.path.exists(options.socket) and socket.socket(socket.AF_UNIX).connect_ex(options.socket):
    os.unlink(options.socket)  # Left by a process that died.
os.umask(0o117)
server.bind(options.socket)
server.listen(128)
threading.Thread(target=serve_line, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: (os.unlink(options.socket), os._exit(0)))
print("ready", flush=True)
while True:
    threading.Thread(target=Connection(server.accept()[0]).serve, daemon=True).start()
