"""Connected components of items that are linked in pairs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence


def components(size: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Return the component of each of `size` items, as the index of the component's first item."""
    parent = list(range(size))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for left, right in links:
        first, second = sorted((root(left), root(right)))
        parent[second] = first
    return [root(item) for item in range(size)]


def equal_items(values: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield a link from each item to the first item of the same value."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        yield first.setdefault(value, index), index
