"""A best-effort worker that takes all CPU it can get: each frame is the same amount of work for two processes.

Busy only while the file named by its option `while` exists; otherwise it answers at once.
"""

import os

import vigia

HANDS = 2
LOOPS = 4_000_000  # 0.15 to 0.2 s of one CPU.


def hand(orders, done):
    while os.read(orders, 1):
        total = 0
        for i in range(LOOPS):
            total += i
        os.write(done, b"x")
    os._exit(0)


def hands():
    orders_in, orders_out = os.pipe()
    done_in, done_out = os.pipe()
    for _ in range(HANDS):
        if os.fork() == 0:
            os.close(orders_out)
            hand(orders_in, done_out)
    return orders_out, done_in


orders, done = hands()
for frame in vigia.frames(name="busy"):
    busy = os.path.exists(vigia.options()["while"])
    if busy:
        os.write(orders, b"x" * HANDS)
        for _ in range(HANDS):
            os.read(done, 1)
    frame.result(data={"busy": busy})
