"""Getting a seat, and not getting one."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from typing import Callable
from unittest import mock

from vigia import AttachError, FrameReader, SeatsError

from .support import WAKES, SupplierCase, open_descriptors, ours_in_shm

REFUSALS = ("bad_request", "duplicate_consumer", "invalid_page", "seats_full", "supplier_stopped")


class Attach(SupplierCase):
    def refused(self, supplier_path: str, timeout: float = 5.0) -> AttachError:
        with self.assertRaises(AttachError) as caught:
            FrameReader.attach(supplier_path, "people", timeout=timeout)
        self.assertEqual([name for name in ours_in_shm() if "reader" in name], [])
        return caught.exception

    def test_the_page_has_no_name_once_attached(self) -> None:
        supplier = self.start()
        for wake in WAKES:
            self.attach(supplier, wake, wake=wake)
        self.assertEqual([name for name in ours_in_shm() if "reader" in name], [])
        self.assertEqual(supplier.readers[0].page[0:8], b"VIGIARDR")
        self.assertEqual(supplier.readers[0].count(40), os.getpid())

    def test_what_is_asked_for(self) -> None:
        supplier = self.start()
        self.attach(supplier, "plates", wake="futex", fps=2.5)
        self.assertIn(b'"reader":"plates"', supplier.requests[0])
        self.assertIn(b'"wake":"futex","fps":2.5}', supplier.requests[0])
        for wrong in (float("nan"), float("inf")):
            with self.assertRaises(ValueError):
                self.attach(supplier, fps=wrong)
        with self.assertRaisesRegex(ValueError, "'socket' and 'futex'"):
            self.attach(supplier, wake="smoke")

    def test_refusals_have_the_supplier_s_code(self) -> None:
        for code in REFUSALS:
            with self.subTest(code):
                supplier = self.start(answer={"error": {"code": code, "message": "because"}})
                before = open_descriptors()
                error = self.refused(supplier.socket_path)
                self.eventually(lambda: open_descriptors() == before)
                self.assertEqual((error.code, str(error)), (code, "because"))

    def test_answers_that_are_none(self) -> None:
        seated = {"seat": 0, "seats": "/dev/shm/x", "epoch": "1", "segment": "/dev/shm/y", "error": None}
        for answer in (
            b"",
            b"nope",
            b"[" * 4000,
            b"\xff",
            b"{}",
            b"null",
            {"error": {"code": "seats_full", "message": "x" * 5000}},
            {"error": {}},
            {"error": None},
            {"error": "x"},
            {**seated, "seat": True},
            {**seated, "seat": 256},
            {**seated, "seat": -1},
            {**seated, "epoch": 1},
            {**seated, "epoch": "-1"},
            {**seated, "segment": None},
        ):
            with self.subTest(str(answer)[:60]):
                error = self.refused(self.start(answer=answer).socket_path)
                self.assertEqual(error.code, "bad_answer")

    def test_a_supplier_that_says_nothing(self) -> None:
        supplier = self.start(answer=None)
        self.assertEqual(self.refused(supplier.socket_path, timeout=0.05).code, "attach_timeout")

    def test_nobody_there(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for path in (f"{folder}/none", f"{folder}/{'long' * 40}"):
                error = self.refused(path)
                self.assertEqual(error.code, "supplier_unreachable")
                self.assertIn("none" if "none" in path else "too long", str(error))

    def test_a_supplier_that_hangs_up(self) -> None:
        def hang_up(listener: socket.socket) -> None:
            listener.accept()[0].close()

        self.with_listener(hang_up, lambda path: self.assertEqual(self.refused(path).code, "supplier_unreachable"))

    def test_a_supplier_with_a_full_backlog(self) -> None:
        def fill(path: str) -> None:
            waiting = []
            with self.assertRaises(BlockingIOError):
                while len(waiting) < 100:
                    waiting.append(socket.socket(socket.AF_UNIX))
                    waiting[-1].setblocking(False)
                    waiting[-1].connect(path)
            self.assertEqual(self.refused(path, timeout=0.05).code, "attach_timeout")
            for connection in waiting:
                connection.close()

        self.with_listener(lambda _: None, fill)

    def with_listener(self, serve: Callable[[socket.socket], None], use: Callable[[str], None]) -> None:
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/s")
            listener.listen(0)
            server = threading.Thread(target=serve, args=(listener,))
            server.start()
            use(f"{folder}/s")
            server.join()

    def test_no_room_for_the_page(self) -> None:
        supplier = self.start()
        with mock.patch("os.posix_fallocate", side_effect=OSError(28, "No space left on device")):
            error = self.refused(supplier.socket_path)
        self.assertEqual(error.code, "shm_full")

    def test_a_machine_without_the_futex_number(self) -> None:
        supplier = self.start()
        with mock.patch("platform.machine", return_value="riscv64"):
            with self.assertRaisesRegex(AttachError, "wake='socket'") as caught:
                self.attach(supplier, wake="futex")
            self.assertEqual(caught.exception.code, "no_futex")
            self.attach(supplier, wake="socket")


class SeatTables(SupplierCase):
    def test_a_table_that_cannot_be(self) -> None:
        supplier = self.start()
        memory = supplier.table.memory
        for at, wrong, message in (
            (0, b"VIGIAFRM", "not a seat table"),
            (8, b"\2\0\0\0", "version 2"),
            (12, b"\0\0\0\0", "0 seats, 1 to 256"),
            (12, b"\1\1\0\0", "257 seats, 1 to 256"),
            (12, b"\0\1\0\0", "too few for 256 seats"),
            (16, b"\0" * 8, "not the expected seat table"),
        ):
            with self.subTest(message):
                right, before = memory[at : at + len(wrong)], open_descriptors()
                memory[at : at + len(wrong)] = wrong
                with self.assertRaisesRegex(SeatsError, message) as caught:
                    self.attach(supplier)
                self.assertEqual(caught.exception.code, "seats_invalid")
                memory[at : at + len(wrong)] = right
                supplier.wait_until(lambda: not supplier.readers)
                self.assertLessEqual(open_descriptors(), before)

    def test_a_seat_that_is_not_in_the_table(self) -> None:
        other = self.start(seats=2)
        supplier = self.start(
            answer={
                "seat": 2,
                "seats": other.table.path,
                "epoch": str(other.table.epoch),
                "segment": "/dev/shm/y",
                "error": None,
            }
        )
        with self.assertRaisesRegex(SeatsError, "2 seats, this reader was given number 2"):
            self.attach(supplier)

    def test_a_table_that_is_no_file_of_shared_memory(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.symlink("/dev/zero", f"{folder}/link")
            os.mkfifo(f"{folder}/fifo")
            open(f"{folder}/empty", "w").close()
            for path in ("/none", f"{folder}/link", f"{folder}/fifo", f"{folder}/empty", folder):
                with self.subTest(path):
                    supplier = self.start(
                        answer={
                            "seat": 0,
                            "seats": path,
                            "epoch": "1",
                            "segment": "/dev/shm/y",
                            "error": None,
                        }
                    )
                    with self.assertRaises(SeatsError) as caught:
                        self.attach(supplier)
                    self.assertIn(path, str(caught.exception))
