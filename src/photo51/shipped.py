"""Files that come with photo51: workflow, notebooks, configurations, models, and the embedded genomes.

In a checkout they lie at its top, in an installed package in its folder `shipped_files`. A path of a configuration or
of a table of genomes is looked for below the file that names it, then below the working directory, then here:
`resources/…` of the examples means the same genomes wherever a run is started.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from photo51.types import InputError

FOLDERS = ("workflow", "notebooks", "config", "resources")


def shipped_folder() -> Path:
    """Folder that holds `workflow`, `notebooks`, `config` and `resources`.

    Raises
    ------
    InputError
        Where the package was built without them, saying how it is built.
    """
    package = Path(__file__).parent
    for folder in (package / "shipped_files", package.parents[1]):
        if all((folder / name).is_dir() for name in FOLDERS):
            return folder
    raise InputError(
        f"{package}: need the files that come with photo51 ({', '.join(FOLDERS)}) in the package or at the top of its"
        " checkout, got neither; build the wheel with `python -m build` or `pip wheel .` from a checkout or the sdist,"
        " not by copying src/"
    )


def shipped(name: str) -> Path:
    """Path of a file or folder that comes with photo51, below the working directory's own where that is a checkout.

    A relative path is returned where the working directory holds the very same file, so that tables and logs of a run
    in a checkout do not depend on where the checkout lies.

    Raises
    ------
    InputError
        As `shipped_folder`.
    """
    local = Path(name)
    there = shipped_folder() / name
    return local if local.exists() and there.exists() and local.samefile(there) else there


def locate(text: str, *folders: Path) -> Path | None:
    """First existing path: below each folder, below the working directory, among the files that come with photo51.

    Parameters
    ----------
    text
        Relative or absolute path, as a user wrote it.
    folders
        Folders to look in first, in their order; that of the file which names the path, as a rule.
    """
    try:
        places = [*(folder / text for folder in folders), Path(text)]
        for place in places:
            if place.exists():
                return place
        return shipped(text) if text and (shipped_folder() / text).exists() else None
    except (OSError, ValueError, InputError):
        return None


def keep_compiled_code() -> None:
    """Have numba keep compiled code in a temporary folder where it could be kept nowhere else.

    It is kept beside the package, or else in the user's cache; where both are read-only (a package in a container,
    without a home), numba refuses every function that is to be kept. `NUMBA_CACHE_DIR`, where it is set, is left
    alone; the processes that this one starts use the same folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR") or _writable(Path(__file__).parent):
        return
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home at all
        cache = None
    if cache is None or not _writable(cache):
        os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="photo51-compiled-")


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the nearest one above it that is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return there.is_dir() and os.access(there, os.W_OK)
