"""A disk that can be filled: a small file system of our own where that may be mounted, else a limit of the process."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

__all__ = ["SmallDisk"]

IMAGE_MB_A_MINUTE, SPARE_MB = 80, 256


class SmallDisk:
    """Where a recording goes.

    folder: on the disk
    kind: what it is
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self._image, self._ballast = folder / "disk.img", self.folder / "ballast"
        self._limited: list[int] = []
        self.mounted = self._mount(int(IMAGE_MB_A_MINUTE * minutes + SPARE_MB))

    def _mount(self, megabytes: int) -> bool:
        """Mount a file as a disk; return whether that is permitted."""
        if os.geteuid():
            return False
        self._image.touch()
        os.truncate(self._image, megabytes << 20)
        make = ["mkfs.ext4", "-q", "-F", "-m", "0", str(self._image)]
        try:
            for command in (make, ["mount", "-o", "loop", str(self._image), str(self.folder)]):
                subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            self._image.unlink()
            return False
        return True

    @property
    def kind(self) -> str:
        """How it is filled."""
        return "an ext4 image" if self.mounted else "a limit of the file size"

    def fill(self, pid: int) -> None:
        """Leave no room."""
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
            self._limited.append(pid)
            return
        with self._ballast.open("ab") as file:
            step = 1 << 24
            while step >= 512:
                free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
                step = min(step, free) if free >= 4096 else 0
                if step:
                    try:
                        os.posix_fallocate(file.fileno(), file.seek(0, 2), step)
                        file.seek(0, 2)
                    except OSError:
                        step //= 2

    def free(self) -> None:
        """Give the room back."""
        while self._limited:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self._limited.pop(), resource.RLIMIT_FSIZE, unlimited)
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount; what is on it is lost."""
        self.free()
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)
            self._image.unlink(missing_ok=True)
            self.mounted = False
