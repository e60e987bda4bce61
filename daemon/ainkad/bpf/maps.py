# SPDX-License-Identifier: Apache-2.0
"""BPF maps as numpy arrays."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.bpf.libbpf import MAP_PERCPU_ARRAY, BpfError, error_of, library
from ainkad.bpf.stats import object_info
from ainkad.closing import Closing
from ainkad.layouts_gen import BPF_MAP_INFO_DTYPE

ENOTSUPP: Final = 524
"""The kernel's own number, which <errno.h> does not have."""

NO_BATCH: Final = (errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP)
SLACK: Final = 64
"""Elements that may be met twice because they moved while the map was read."""

Array = npt.NDArray[Any]


def check_sizes(fd: int, key: int, value: int) -> None:
    """Refuse a map whose keys or values have another size than our layouts, in bytes.

    The kernel writes as much as the map says, whatever room there is. Raises BpfError.
    """
    info = object_info(fd, BPF_MAP_INFO_DTYPE)
    found = (int(info["key_size"]), int(info["value_size"]))
    if found != (key, value):
        raise BpfError(
            f"the map has keys of {found[0]} and values of {found[1]} bytes, "
            f"expected {key} and {value}: object and daemon are of different versions"
        )


def create_map(kind: int, name: str, key: int, value: int, max_entries: int) -> int:
    """A new map of the kernel's type number `kind`; returns its descriptor, to be closed.

    `key` and `value` are sizes in bytes, both 0 for a ring buffer. Raises BpfError.
    """
    fd: int = library().bpf_map_create(kind, name.encode(), key, value, max_entries, None)
    if fd < 0:
        raise BpfError(f"cannot make the BPF map {name}", error_of(fd))
    return fd


class HashMap:
    """A hash map, read as a whole.

    `key_dtype` and `value_dtype` are the layouts of its elements. Raises BpfError when
    the map's sizes differ from them.
    """

    def __init__(
        self, fd: int, key_dtype: npt.DTypeLike, value_dtype: npt.DTypeLike, max_entries: int
    ) -> None:
        self._fd = fd
        self._lib = library()
        self._keys: Array = np.zeros(max_entries + SLACK, key_dtype)
        self._values: Array = np.zeros(max_entries + SLACK, value_dtype)
        check_sizes(fd, self._keys.itemsize, self._values.itemsize)
        # The kernel's cursor: a u32 for hash maps, never more than a key.
        self._cursor = np.zeros(max(4, self._keys.itemsize), np.uint8)
        self._batched = True

    def read_all(self) -> tuple[Array, Array]:
        """All elements: keys (n,) and values (n,), copies, in no order.

        An element that is written meanwhile may be torn: values with a sequence number
        say so. Raises BpfError.
        """
        count = self._read_batches() if self._batched else None
        if count is None:
            self._batched = False
            count = self._read_singly()
        return self._keys[:count].copy(), self._values[:count].copy()

    def _read_batches(self) -> int | None:
        """Fill the buffers; returns the number of elements, None if the kernel has no batches."""
        room, total, cursor = len(self._keys), 0, None
        while total < room:
            count = ctypes.c_uint32(room - total)
            result = self._lib.bpf_map_lookup_batch(
                self._fd,
                cursor,
                self._cursor.ctypes.data,
                self._keys[total:].ctypes.data,
                self._values[total:].ctypes.data,
                ctypes.byref(count),
                None,
            )
            code = error_of(result) if result else 0
            if code and code != errno.ENOENT:
                if code in NO_BATCH and not total:
                    return None
                if code == errno.ENOSPC and total:
                    break  # the rest of the room is less than one bucket of the hash
                raise BpfError("cannot read the map", code)
            total += count.value
            if code == errno.ENOENT:
                break
            cursor = self._cursor.ctypes.data
        return total

    def _read_singly(self) -> int:
        """Fill the buffers element by element; returns their number.

        The walk begins again when the element it stands on goes, so it is bounded.
        """
        key, total, steps = None, 0, 0
        while total < len(self._keys) and steps < 2 * len(self._keys):
            steps += 1
            target = self._keys[total:].ctypes.data
            result = self._lib.bpf_map_get_next_key(self._fd, key, target)
            if result:
                if error_of(result) == errno.ENOENT:
                    break
                raise BpfError("cannot read the map", error_of(result))
            found = self._keys[total : total + 1].view(np.uint8)
            self._cursor[: len(found)] = found
            key = self._cursor.ctypes.data
            value = self._values[total:].ctypes.data
            # An element that has gone since is skipped, not an error.
            total += not self._lib.bpf_map_lookup_elem(self._fd, target, value)
        return total


def write_number(fd: int, number: int) -> None:
    """Set the one element of an array of u64, which its programs look at. Raises BpfError."""
    check_sizes(fd, 4, 8)
    key, value = ctypes.c_uint32(0), ctypes.c_uint64(number)
    code = library().bpf_map_update_elem(fd, ctypes.byref(key), ctypes.byref(value), 0)
    if code:
        raise BpfError("cannot write to the map", error_of(code))


class SharedArray(Closing):
    """A per-CPU array of our own, of ``entries`` values of layout ``dtype``.

    For programs of several objects; it is in the kernel until close() and the last of them.
    Raises BpfError when the kernel refuses it.
    """

    def __init__(self, name: str, dtype: npt.DTypeLike, entries: int) -> None:
        size = np.dtype(dtype).itemsize
        self.fd = create_map(MAP_PERCPU_ARRAY, name, 4, size, entries)

    def close(self) -> None:
        """Give up the descriptor."""
        os.close(self.fd)


class PerCpuArray:
    """A per-CPU array with values of layout `dtype` on `n_cpus` possible CPUs.

    Raises BpfError when the map's values have another size.
    """

    def __init__(self, fd: int, dtype: npt.DTypeLike, n_cpus: int) -> None:
        self._fd = fd
        self._lib = library()
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        # The kernel rounds a value up to 8 bytes for each CPU.
        stride = (self._dtype.itemsize + 7) // 8 * 8
        self._buffer = np.zeros(stride * n_cpus, np.uint8)
        self._view: Array = np.ndarray((n_cpus,), self._dtype, self._buffer, 0, (stride,))
        check_sizes(fd, 4, self._dtype.itemsize)

    def read(self, index: int = 0) -> Array:
        """The values of one element: shape (n_cpus,), a copy. Raises BpfError."""
        key = ctypes.c_uint32(index)
        result = self._lib.bpf_map_lookup_elem(
            self._fd, ctypes.byref(key), self._buffer.ctypes.data
        )
        if result:
            raise BpfError(f"cannot read element {index} of the per-CPU map", error_of(result))
        return self._view.copy()

    def write(self, values: Array, index: int = 0) -> None:
        """Set one element on every CPU; shape (n_cpus,). Raises BpfError.

        What programs have counted since `values` were read is lost.
        """
        key = ctypes.c_uint32(index)
        self._view[:] = values
        result = self._lib.bpf_map_update_elem(
            self._fd, ctypes.byref(key), self._buffer.ctypes.data, 0
        )
        if result:
            raise BpfError(f"cannot write element {index} of the per-CPU map", error_of(result))
