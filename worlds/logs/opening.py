"""Files, packed or not, as bytes. Knows gzip; must not know formats."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from wmagent.errors import InputError

CHUNK = 1 << 20


def chunks(path: Path, progress: Callable[[float], None] | None = None) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked if it is gzip. InputError where it is missing, empty, or ends too early."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if not size:
        raise InputError(f"{path}: the file is empty")
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            while part := file.read(CHUNK):
                if progress:
                    progress(raw.tell() / size)
                yield part
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{path}: the packed file ends too early or is damaged, at {raw.tell():,} of {size:,} bytes ({error}); "
                "copy or download it again"
            ) from error


def whole(path: Path, progress: Callable[[float], None] | None = None) -> bytes:
    """Return all bytes of a file, unpacked."""
    return b"".join(chunks(path, progress))
