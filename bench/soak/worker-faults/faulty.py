"""A worker that behaves for some frames and then fails as configured: `{"fault": …, "after": …, "moments": …}`.

Implements the protocol itself, because no SDK would do such things. Writes the moment of its fault (seconds since 1970)
and the pids of its children into the folder `moments`.
"""

import importlib.util
import json
import os
import resource
import signal
import struct
import sys
import time

# Imports a single file: the SDK would take standard input and output for itself.
spec = importlib.util.spec_from_file_location("msgpack", os.environ["MSGPACK"])
msgpack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(msgpack)
pack, unpack = msgpack.pack, msgpack.unpack

OPTIONS = json.loads(os.environ["VIGIA_WORKER_OPTIONS"])
FAULT = OPTIONS["fault"]
AFTER = OPTIONS.get("after", 8)
HOARD = []
NAME = os.path.join(OPTIONS["moments"], os.environ["VIGIA_CONSUMER"])


def send(message):
    body = pack(message)
    write(struct.pack(">I", len(body)) + body)


def write(data):
    while data:
        data = data[os.write(1, data) :]


def read(size):
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            sys.exit(0)
        data += chunk
    return data


def receive():
    return unpack(memoryview(read(struct.unpack(">I", read(4))[0])))


def mark():
    with open(NAME + ".moment", "a") as file:
        file.write(f"{time.time()}\n")


def forever():
    while True:
        time.sleep(60)


def grandchildren():
    told_in, told_out = os.pipe()
    for _ in range(3):
        if os.fork() == 0:
            # In a session of its own, and with the pipes open: the hardest case within the group.
            own = os.fork()
            if own != 0:
                os.write(told_out, f"{os.getpid()}\n{own}\n".encode())
            forever()
    # All six, before the first kill.
    told = b""
    while told.count(b"\n") < 6:
        told += os.read(told_in, 4096)
    with open(NAME + ".children", "ab") as file:
        file.write(told)
    os._exit(1)


def out_of_memory():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def grow():
    """96 MiB, really allocated."""
    return bytearray(os.urandom(4096)) * (96 * 256)


def flood(data, seconds=None):
    until = None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        write(data)


def message_bytes(message):
    body = pack(message)
    return struct.pack(">I", len(body)) + body


def flood_stderr():
    line = b"x" * 199 + b"\n"
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        os.write(2, line * 20)


def fault(frame):
    mark()
    seq = frame["seq"]
    if FAULT == "exits":
        os._exit(3)
    if FAULT == "exits with 0":
        os._exit(0)
    if FAULT == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if FAULT == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    if FAULT == "out of memory":
        out_of_memory()
    if FAULT == "throws":
        raise ValueError("no such thing as a bed")
    if FAULT == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    if FAULT in ("hangs", "stops reading", "stops writing"):
        if FAULT == "stops reading":
            send({"type": "result", "seq": seq})
        if FAULT == "stops writing":
            while True:
                receive()
        forever()
    if FAULT == "floods stdout with text":
        flood(b"all work and no play makes a dull worker\n" * 1000)
    if FAULT == "floods stdout with messages":
        flood(message_bytes({"type": "log", "level": "info", "message": "again"}) * 100)
    if FAULT == "floods stderr":
        flood_stderr()
        send({"type": "result", "seq": seq})
    if FAULT == "half a message":
        write(message_bytes({"type": "result", "seq": seq})[:-3])
        forever()
    if FAULT == "answers another frame":
        send({"type": "result", "seq": seq + 1})
        forever()
    if FAULT == "answers twice":
        send({"type": "result", "seq": seq})
        send({"type": "result", "seq": seq})
        forever()
    if FAULT == "grandchildren":
        grandchildren()
    if FAULT == "grows":
        HOARD.append(grow())
        send({"type": "result", "seq": seq})
    if FAULT == "a child of it grows":
        child = os.fork()
        if child == 0:
            HOARD.append(grow())
            forever()
        with open(NAME + ".children", "a") as file:
            file.write(f"{child}\n")
        send({"type": "result", "seq": seq})


def main():
    if FAULT == "exits at once":
        mark()
        sys.exit("there is no such camera")
    if FAULT == "never ready":
        mark()
        forever()
    if FAULT == "wants too much":
        mark()
        send({"type": "ready", "protocol": 1, "name": "faulty", "wants": {"width": 4096, "height": 4096}})
        forever()
    if FAULT == "another protocol":
        mark()
        send({"type": "ready", "protocol": 2, "name": "faulty"})
        forever()
    if FAULT == "ignores SIGTERM":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    send({"type": "ready", "protocol": 1, "name": "faulty"})
    frames = 0
    while True:
        frame = receive()
        if frame["type"] == "stop":
            if FAULT == "ignores SIGTERM":
                forever()
            return
        frames += 1
        if frames > AFTER:
            fault(frame)
            if FAULT == "floods stderr":
                frames = 0
                continue
            if FAULT in ("grows", "a child of it grows"):
                # Once is enough: it continues to work.
                frames = -1_000_000
                continue
        send({"type": "result", "seq": frame["seq"]})


main()
