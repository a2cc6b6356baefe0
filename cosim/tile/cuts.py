"""Cutting a length into pieces."""


def cuts(total: int, size: int) -> list[tuple[int, int]]:
    """(start, length) of the pieces of ``total`` by ``size``; the last may be shorter."""
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def sizes(total: int, size: int) -> list[tuple[int, int]]:
    """(length, how often) of the pieces of ``total`` by ``size``."""
    full, tail = divmod(total, size)
    return [pair for pair in ((size, full), (tail, int(tail > 0))) if pair[1]]


def even(total: int, parts: int) -> int:
    """The largest of ``parts`` pieces that are as long as each other as can be."""
    return -(-total // parts)
