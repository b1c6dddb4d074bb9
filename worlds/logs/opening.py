"""Files, packed or not, as bytes. Knows gzip; must not know formats."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from wmagent.errors import InputError

CHUNK = 1 << 20
LARGE = 1 << 30  # bytes; beyond them a packed file that grows more than MOST_GROWTH times is taken for an attack
MOST_GROWTH = 400  # event logs grow 10 to 50 times, and gzip cannot do more than about 1,000


def chunks(path: Path, progress: Callable[[float], None] | None = None) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked if it is gzip. InputError where it is missing, empty, ends too early,
    or grows beyond measure."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if not size:
        raise InputError(f"{path}: the file is empty")
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if packed else raw
        grown = 0
        try:
            while part := file.read(CHUNK):
                grown += len(part)
                if packed and grown > max(LARGE, MOST_GROWTH * size):
                    raise InputError(
                        f"{path}: {size:,} packed bytes have become more than {grown:,}; no event log is packed so "
                        "tightly. If it is one, unpack it yourself first"
                    )
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
