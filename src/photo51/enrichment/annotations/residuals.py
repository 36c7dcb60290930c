"""Residuals of masks in files that the shards of a run share: each group of columns is made by one of them.

A file is named after a hash of all that decides it, and is either whole or absent. Shards that run side by side take
groups by lock: a group that another one is making is passed over first, and waited for last. Files are mapped, so that
processes share their memory too. `remove_residuals` takes them away when the run's tables are there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51 import __version__
from photo51.io.files import atomic

FOLDER = "residuals"
_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
Group = NDArray[np.int16]


def residual_digest(*parts: NDArray | bytes) -> str:
    """Hash of arrays, and of the version of photo51."""
    out = hashlib.sha256(__version__.encode())
    for part in parts:
        data = part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes()
        # the length goes in too: two arrays must not hash like one
        out.update(len(data).to_bytes(8, "little") + data)
    return out.hexdigest()[:24]


def shared_groups(folder: Path, names: Sequence[str], make: Callable[[int], Group]) -> list[Group]:
    """Groups of columns, each read from the file of its name, made where it is absent.

    Parameters
    ----------
    folder
        Where the files are.
    names
        Names of the groups, which say all that decides them (`residual_digest`).
    make
        Makes a group, by its index.
    """
    paths = [folder / f"{name}.npy" for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    # first without waiting, so that shards divide the groups; then for what others still make
    for wait in (False, True):
        for i, path in enumerate(paths):
            if path.exists():
                continue
            with _alone(path.with_suffix(".lock"), wait=wait) as mine:
                # another process may have made it while this one waited
                if mine and not path.exists():
                    with atomic(path) as partial:
                        np.save(partial, make(i), allow_pickle=False)
    return [np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)) for path in paths]


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock; False where another process has it and this one does not wait. A process that dies leaves none
    behind.

    On file systems without locks every process makes what is absent: files are whole all the same, as they are renamed.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
        yield True


def remove_residuals(folder: Path) -> None:
    """Remove a folder of shared groups, if it is there."""
    if folder.is_dir():
        shutil.rmtree(folder)
