"""Words for messages."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it takes one: ``3 nodes``, ``1 node``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
