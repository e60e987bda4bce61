# SPDX-License-Identifier: Apache-2.0
"""Reading of BPF maps against a libbpf that keeps them in a dict; nothing is loaded."""

from __future__ import annotations

import ctypes
import errno
from typing import Any

import numpy as np
import pytest
from ainkad.bpf import maps as maps_module
from ainkad.bpf import stats as stats_module
from ainkad.bpf.libbpf import BpfError
from ainkad.bpf.maps import ENOTSUPP, HashMap, PerCpuArray
from ainkad.layouts_gen import BPF_MAP_INFO_DTYPE
from hypothesis import given
from hypothesis import strategies as st

VALUE = np.dtype([("seq", "u4"), ("a", "u8"), ("b", "u4")])


class FakeLib:
    """libbpf with one map; `batch` is the errno of batched look-ups, 0 where there are some."""

    def __init__(self, elements: dict[int, bytes], value_size: int, batch: int = 0) -> None:
        self.elements = elements
        self.value_size = value_size
        self.batch = batch
        self.step = 3
        self.batches = 0

    def bpf_obj_get_info_by_fd(self, fd: int, info: int, length: Any) -> int:
        layout = np.zeros(1, BPF_MAP_INFO_DTYPE)
        layout["key_size"], layout["value_size"] = 4, self.value_size
        ctypes.memmove(info, layout.tobytes(), layout.nbytes)
        return 0

    def bpf_map_lookup_batch(
        self, fd: int, cursor: int | None, out: int, keys: int, values: int, count: Any, opts: None
    ) -> int:
        self.batches += 1
        if self.batch:
            return -self.batch
        at = ctypes.c_uint32.from_address(cursor).value if cursor else 0
        wanted = ctypes.cast(count, ctypes.POINTER(ctypes.c_uint32))
        chosen = sorted(self.elements)[at : at + min(self.step, wanted[0])]
        for i, key in enumerate(chosen):
            ctypes.memmove(keys + 4 * i, key.to_bytes(4, "little"), 4)
            ctypes.memmove(values + self.value_size * i, self.elements[key], self.value_size)
        wanted[0] = len(chosen)
        ctypes.c_uint32.from_address(out).value = at + len(chosen)
        return -errno.ENOENT if at + len(chosen) == len(self.elements) else 0

    def bpf_map_get_next_key(self, fd: int, key: int | None, target: int) -> int:
        order = sorted(self.elements)
        if key is not None:
            order = [k for k in order if k > ctypes.c_uint32.from_address(key).value]
        if not order:
            return -errno.ENOENT
        ctypes.c_uint32.from_address(target).value = order[0]
        return 0

    def bpf_map_lookup_elem(self, fd: int, key: Any, value: int) -> int:
        number = (
            ctypes.c_uint32.from_address(key).value
            if isinstance(key, int)
            else ctypes.cast(key, ctypes.POINTER(ctypes.c_uint32))[0]
        )
        if number not in self.elements:
            return -errno.ENOENT
        ctypes.memmove(value, self.elements[number], len(self.elements[number]))
        return 0


def install(monkeypatch: pytest.MonkeyPatch, lib: FakeLib) -> FakeLib:
    monkeypatch.setattr(maps_module, "library", lambda: lib)
    monkeypatch.setattr(stats_module, "library", lambda: lib)
    return lib


def value(seq: int) -> bytes:
    return np.array((seq, seq * 10, 7), VALUE).tobytes()


@pytest.mark.parametrize("batch", [0, errno.EINVAL, ENOTSUPP])
@pytest.mark.parametrize("n", [0, 1, 3, 10, 32])
def test_read_all(monkeypatch: pytest.MonkeyPatch, batch: int, n: int) -> None:
    elements = {100 + i: value(i) for i in range(n)}
    lib = install(monkeypatch, FakeLib(elements, VALUE.itemsize, batch))
    table = HashMap(3, "u4", VALUE, 32)
    for _ in range(2):
        keys, values = table.read_all()
        assert keys.shape == values.shape == (n,)
        assert {int(k): v.tobytes() for k, v in zip(keys, values, strict=True)} == elements
    if batch:
        assert lib.batches == 1, "a kernel without batches is asked once"


@given(st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), max_size=40))
def test_both_ways_agree(numbers: dict[int, int]) -> None:
    elements = {key: value(seq) for key, seq in numbers.items()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        read = []
        for batch in (0, ENOTSUPP):
            install(monkeypatch, FakeLib(elements, VALUE.itemsize, batch))
            keys, values = HashMap(3, "u4", VALUE, 64).read_all()
            read.append(dict(zip(keys.tolist(), values.tolist(), strict=True)))
        assert read[0] == read[1] and read[0].keys() == numbers.keys()


def test_result_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    lib = install(monkeypatch, FakeLib({1: value(1)}, VALUE.itemsize))
    table = HashMap(3, "u4", VALUE, 4)
    _, first = table.read_all()
    lib.elements[1] = value(2)
    table.read_all()
    assert first["seq"][0] == 1


def test_other_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeLib({}, VALUE.itemsize, errno.EPERM))
    with pytest.raises(BpfError, match="cannot read the map") as caught:
        HashMap(3, "u4", VALUE, 4).read_all()
    assert caught.value.code == errno.EPERM


def test_map_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeLib({}, VALUE.itemsize + 8))
    with pytest.raises(BpfError, match="different versions"):
        HashMap(3, "u4", VALUE, 4)
    with pytest.raises(BpfError, match="different versions"):
        PerCpuArray(3, VALUE, 2)


@pytest.mark.parametrize("dtype", ["u8", "u4", VALUE, np.dtype([("a", "u8"), ("b", "u4", (5,))])])
def test_per_cpu_values_are_rounded_up_to_eight_bytes(
    monkeypatch: pytest.MonkeyPatch, dtype: Any
) -> None:
    layout = np.dtype(dtype)
    n_cpus = 3
    expected = np.frombuffer(bytes(range(1, layout.itemsize * n_cpus + 1)), layout)
    stride = -(-layout.itemsize // 8) * 8
    image = b"".join(v.tobytes().ljust(stride, b"\xff") for v in expected)
    install(monkeypatch, FakeLib({0: image}, layout.itemsize))
    got = PerCpuArray(3, layout, n_cpus).read()
    assert got.shape == (n_cpus,) and got.dtype == layout
    assert got.tobytes() == expected.tobytes()


def test_absent_element_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeLib({}, 8))
    with pytest.raises(BpfError, match="element 4"):
        PerCpuArray(3, "u8", 2).read(4)
