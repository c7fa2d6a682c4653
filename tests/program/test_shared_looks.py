"""Worker processes share due orders and ask about each once; ``python -m tests.program.shared_looks`` has 10,000."""

from pathlib import Path

from .shared_looks import WORKERS, share

ORDERS = 1000


def test_three_worker_processes_ask_about_each_due_order_exactly_once(tmp_path: Path) -> None:
    shared = share(tmp_path, ORDERS)
    assert shared.exactly_once
    assert len(shared.asked) == ORDERS
    assert len(shared.by_worker) == WORKERS
    assert all(shared.by_worker), "each has its share"
