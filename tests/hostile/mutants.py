"""What was right once, and then damaged: seeded, so that a number names one input for ever."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

FRAGMENTS: Final = (
    b"null", b"true", b"-1", b"0", b"1e400", b"1E3", b"NaN", b"Infinity", b"-0.00", b"9" * 40, b"10.001",
    b"\x00", b"\\u0000",
    b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\xaf", b"[" * 60, b'{"a":' * 60, b"]", b"}", b'"',
    b"\\", b",", b":",
    b'"status":"captured",', b'"amount":{},', b'"data":[],', b"\r\n", b"%00", b"../", b"<script>", b"$ne",
    b"\xe2\x80\xae",
    b"4111111111111111", b"\xd9\xa1\xd9\xa0", b" ", b"\t", b"=", b".", b"..", b"eyJhbGciOiJub25lIn0", b"\x1b[2J",
)  # fmt: skip


def mutants(corpus: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """``count`` inputs, each one of ``corpus`` damaged in one to four places."""
    random = Random(seed)  # noqa: S311 - nothing secret is drawn
    for _ in range(count):
        body = random.choice(corpus)
        for _ in range(random.choice((1, 1, 2, 4))):
            body = random.choice(DAMAGES)(body, random)
        yield body


def flipped(body: bytes, random: Random) -> bytes:
    """One bit is another."""
    if not body:
        return body
    at = random.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << random.randrange(8)]) + body[at + 1 :]


def replaced(body: bytes, random: Random) -> bytes:
    start, end = span(body, random)
    return body[:start] + random.randbytes(random.randrange(1, 4)) + body[end:]


def cut_short(body: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def without(body: bytes, random: Random) -> bytes:
    start, end = span(body, random)
    return body[:start] + body[end:]


def doubled(body: bytes, random: Random) -> bytes:
    start, end = span(body, random)
    return body[:end] + body[start:]


def swapped(body: bytes, random: Random) -> bytes:
    """Two halves of a part change places."""
    start, end = span(body, random)
    middle = (start + end) // 2
    return body[:start] + body[middle:end] + body[start:middle] + body[end:]


def with_fragment(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + random.choice(FRAGMENTS) + body[at:]


def with_other_value(body: bytes, random: Random) -> bytes:
    """A fragment in place of what stands between two marks of the text's grammar."""
    marks = [at for at, byte in enumerate(body) if byte in b':,"{}[].=&;']
    if not marks:
        return with_fragment(body, random)
    first = random.randrange(len(marks))
    end = marks[first + 1] if first + 1 < len(marks) else len(body)
    return body[: marks[first] + 1] + random.choice(FRAGMENTS) + body[end:]


def span(body: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(body) + 1)
    return start, min(len(body), start + random.randrange(1, 24))


DAMAGES: Final[Sequence[Callable[[bytes, Random], bytes]]] = (
    flipped, replaced, cut_short, without, doubled, swapped, with_fragment, with_fragment,
    with_other_value, with_other_value,
)  # fmt: skip
