"""A model folder in one file: a plain tar of a few files with plain names. Whatever else it holds is refused."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from edge.adapters.files import sync_folder, write_synced
from edge.errors import UpdateError

MOST_FILES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def pack(folder: Path) -> bytes:
    """The files of a model folder, always the same bytes for the same files. Raises UpdateError."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and _NAME.fullmatch(path.name))
    if not 1 <= len(files) <= MOST_FILES:
        raise UpdateError(f"{folder}: a package has 1 to {MOST_FILES} files, not {len(files)}")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(path.name)  # no owner, no time
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpack(archive: Path, folder: Path, size: int) -> None:
    """Into a folder that is there and empty. size: bytes of all files, which may not be passed. Raises UpdateError."""
    try:
        with tarfile.open(archive, mode="r:") as opened:  # no compression: it cannot grow
            _unpack(opened, archive.name, folder, size)
        sync_folder(folder)
    except (tarfile.TarError, EOFError) as error:
        raise UpdateError(f"{archive.name}: not a package ({error}); tell who published it") from error


def _unpack(opened: tarfile.TarFile, name: str, folder: Path, size: int) -> None:
    taken: set[str] = set()
    for member in opened:
        # not isreg(): that is true of sparse files, which are small here and huge on the disk
        if member.type != tarfile.REGTYPE or member.issparse() or not _NAME.fullmatch(member.name):
            raise UpdateError(f"{name}: holds {member.name[:80]!r}, which is no plain file; it is not unpacked")
        size -= member.size
        if member.name in taken or len(taken) == MOST_FILES or size < 0:
            raise UpdateError(f"{name}: holds more than was signed for; it is not unpacked")
        taken.add(member.name)
        content = opened.extractfile(member)
        assert content is not None, "it is a regular file"
        write_synced(folder / member.name, content.read())
