"""The hot paths without network and store, so often: ``python -m tests.bench.hot_paths NAME TIMES``."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from backend.api.schemas import CreatePayment, OrderView
from backend.domain import exact_json, ledger
from backend.domain.learning import learn_payment
from backend.domain.model import Order
from backend.domain.references import UserId
from backend.domain.terms import Mode
from backend.gateways.cashflows.signing import webhook_signature_fits
from backend.gateways.cashflows.webhook import echo, read_signed
from backend.stores import codec
from backend.stores.sqlite_order_rows import order_values
from tests.contracts.examples import NOON, an_order, with_job

from .orders import CAPTURED, CREATE, open_orders

SECRET: Final = "webhook-secret-of-the-benchmark"
OPEN: Final = next(open_orders(1))
STORED: Final = codec.order_to_json(OPEN)
ASKED: Final = CREATE % (b"HOT", 1)
SIGNED: Final = CAPTURED % (b"900000000000", b"900000000000", b"ORDER-0", 1)


def create() -> None:
    """Read what was asked, place the order, plan its job, open it, and write it twice."""
    CreatePayment.model_validate(exact_json.loads(ASKED)).terms(Mode.INTEGRATION, UserId("user-1"))
    placed = an_order(mode=Mode.INTEGRATION)
    order_values(placed, 0)
    order_values(with_job(placed, "J"), 1)


def webhook() -> None:
    """Verify and read a delivery, read its order, apply it, and write the order."""
    webhook_signature_fits(SECRET, SIGNED, "0" * 64)
    told = read_signed(SIGNED)
    order = _read()
    events = learn_payment(order, order.jobs[0], told.fact)  # type: ignore[union-attr]
    order_values(ledger.record(order, events, at=NOON, operation="hot", actor="webhook"), 1)
    echo(SIGNED)


def state() -> None:
    """Read an order, and say how it stands."""
    OrderView.of(_read(), NOON).model_dump_json()


def _read() -> Order:
    return codec.order_from_json(OPEN.id, STORED, version=1, next_check_at=None, next_notice_at=None)


def nothing() -> None:
    """What it costs to get here."""


PATHS: Final[Mapping[str, Callable[[], None]]] = {
    "create": create,
    "webhook": webhook,
    "state": state,
    "nothing": nothing,
}


def main(name: str, times: str) -> None:
    run = partial(PATHS[name])
    for _ in range(int(times)):
        run()


if __name__ == "__main__":
    main(*sys.argv[1:])
