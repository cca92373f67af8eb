"""A file system over a folder that is as slow as a file says: `faulty_disk.py FOLDER MOUNTPOINT CONTROL`.

CONTROL holds the seconds that each operation takes; it is read before each of them. Needs FUSE and fusepy.
"""

import os
import sys
import time

import fusepy


class FaultyDisk(fusepy.Operations):
    def __init__(self, folder, control):
        self.folder = folder
        self.control = control

    def __call__(self, name, path, *arguments):
        try:
            with open(self.control, encoding="utf8") as file:
                time.sleep(float(file.read() or 0))
        except (OSError, ValueError):
            pass
        return super().__call__(name, self.folder + path, *arguments)

    def getattr(self, path, handle=None):
        found = os.lstat(path)
        keys = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid", "st_ino")
        return {key: getattr(found, key) for key in keys}

    def readdir(self, path, handle):
        return [".", "..", *os.listdir(path)]

    def statfs(self, path):
        found = os.statvfs(path)
        keys = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
        return {key: getattr(found, key) for key in keys}

    def access(self, path, mode):
        return 0

    def mkdir(self, path, mode):
        return os.mkdir(path, mode)

    def rmdir(self, path):
        return os.rmdir(path)

    def unlink(self, path):
        return os.unlink(path)

    def rename(self, old, new):
        return os.rename(old, self.folder + new)

    def open(self, path, flags):
        return os.open(path, flags)

    def create(self, path, mode, info=None):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path, size, offset, handle):
        return os.pread(handle, size, offset)

    def write(self, path, data, offset, handle):
        return os.pwrite(handle, data, offset)

    def truncate(self, path, length, handle=None):
        os.truncate(path, length)

    def fsync(self, path, datasync, handle):
        return os.fsync(handle)

    def release(self, path, handle):
        return os.close(handle)


if __name__ == "__main__":
    fusepy.FUSE(FaultyDisk(sys.argv[1], sys.argv[3]), sys.argv[2], foreground=True, nothreads=False)
