"""Names differ, also between threads and between a process and its children."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

from backend.names import AHEAD, new_name


def test_names_are_sixteen_digits_and_differ() -> None:
    names = [new_name() for _ in range(3 * AHEAD)]
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert len(set(names)) == len(names)


def test_threads_get_different_names() -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [name for some in pool.map(lambda _: [new_name() for _ in range(AHEAD)], range(16)) for name in some]
    assert len(set(names)) == 16 * AHEAD


def test_a_child_does_not_get_its_parents_names() -> None:
    new_name()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_name().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16).decode() != new_name()
    os.close(reading)
    os.close(writing)
