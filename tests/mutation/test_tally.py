"""What is said of the sample is so: counted by package, with an interval that closes when all is tried."""

import pytest

from .run import SURVIVED, Tally, package_of, tallied

NAMES = [f"backend.domain.money.x_read__mutmut_{number}" for number in range(1, 5)]
OTHER = "backend.gateways.cashflows.wire.x_read__mutmut_1"


def test_a_package_is_the_folder_of_the_module() -> None:
    assert package_of(NAMES[0]) == "domain"
    assert package_of(OTHER) == "gateways.cashflows"


def test_survivors_are_those_that_no_test_failed_on_or_ran_through() -> None:
    results = dict(zip([*NAMES, OTHER], [1, SURVIVED, 33, None, 36], strict=True))
    tallies = tallied(results, [*NAMES, OTHER])
    domain = tallies["domain"]
    assert (domain.made, domain.tried, domain.noticed, domain.survivors) == (4, 3, 1, NAMES[1:3])
    assert (tallies["gateways.cashflows"].tried, tallies["gateways.cashflows"].noticed) == (1, 1)


def test_what_was_not_drawn_counts_as_made_only() -> None:
    tallies = tallied(dict.fromkeys([*NAMES, OTHER], 1), NAMES[:1])
    assert tallies.keys() == {"domain"}
    assert (tallies["domain"].made, tallies["domain"].tried) == (4, 1)


def test_the_interval_holds_the_share_and_closes_when_all_is_tried() -> None:
    sampled = Tally(made=3000, tried=400, survivors=["x"] * 20)
    low, high = sampled.interval()
    assert 0.92 < low < 0.95 < high < 0.97
    assert Tally(made=400, tried=400, survivors=["x"] * 20).interval() == pytest.approx((0.95, 0.95))
