"""Amounts and lists as people read them."""

import pytest

from controlplane.scheduler.words import amount, cpus, listed, many, memory

GIB = 1024**3


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 bytes"),
        (1024, "1 KiB"),
        (512 * 1024**2, "512 MiB"),
        (GIB + GIB // 2, "1.5 GiB"),
        (GIB + 1, "1.1 GiB"),
        (2 * 1024 * GIB, "2 TiB"),
    ],
)
def test_memory_is_said_in_its_largest_unit_and_never_too_little(
    size_bytes: int, expected: str
) -> None:
    assert memory(size_bytes) == expected


def test_cpus_are_said_in_cores() -> None:
    assert [cpus(milli) for milli in (50, 250, 1000, 1500, 20_000)] == [
        "0.05 CPU",
        "0.25 CPU",
        "1 CPU",
        "1.5 CPUs",
        "20 CPUs",
    ]


def test_an_amount_is_one_or_from_one_to_another() -> None:
    assert [amount("cpu", 200, 400), amount("memory", 1024, 1024), amount("gpu", 1, 2)] == [
        "0.2 CPU to 0.4 CPU",
        "1 KiB of memory",
        "1 to 2 gpu",
    ]


def test_counts_and_lists_are_english() -> None:
    assert [many(1, "node"), many(3, "node")] == ["1 node", "3 nodes"]
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
