"""Arrays and latents that grow by rows. Knows their shapes; must not know what is kept in them."""

from __future__ import annotations

import numpy as np
import torch

from wmagent.latent.protocols import Latent


class Column:
    """A numpy array that grows by rows; `rows` is a view of what has been written."""

    def __init__(self, width: tuple[int, ...], dtype: type, capacity: int = 256) -> None:
        self._data = np.zeros((capacity, *width), dtype=dtype)
        self._length = 0

    def append(self, rows: np.ndarray) -> None:
        """Write rows at the end, growing as needed."""
        end = self._length + len(rows)
        if end > len(self._data):
            bigger = np.zeros((max(end, 2 * len(self._data)), *self._data.shape[1:]), dtype=self._data.dtype)
            bigger[: self._length] = self._data[: self._length]
            self._data = bigger
        self._data[self._length : end] = rows
        self._length = end

    @property
    def rows(self) -> np.ndarray:
        """The rows written so far (a view; writing to it changes the column)."""
        return self._data[: self._length]


class States:
    """Latents in the order in which they were taken in, in tensors that grow by rows."""

    def __init__(self, first: Latent, capacity: int = 256) -> None:
        self._z = first.z.new_empty((capacity, *first.z.shape[1:]))
        self._codes = first.codes.new_empty((capacity, *first.codes.shape[1:]))
        self._length = 0

    def append(self, rows: Latent) -> None:
        """Write rows at the end, growing as needed."""
        end = self._length + len(rows)
        if end > len(self._codes):
            more = max(end, 2 * len(self._codes)) - len(self._codes)
            self._z = torch.cat([self._z, self._z.new_empty((more, *self._z.shape[1:]))])
            self._codes = torch.cat([self._codes, self._codes.new_empty((more, *self._codes.shape[1:]))])
        self._z[self._length : end], self._codes[self._length : end] = rows.z, rows.codes
        self._length = end

    def take(self, rows: np.ndarray) -> Latent:
        """Return the latents of the given rows."""
        index = torch.from_numpy(np.ascontiguousarray(rows)).to(self._codes.device)
        return Latent(self._z.index_select(0, index), self._codes.index_select(0, index))
