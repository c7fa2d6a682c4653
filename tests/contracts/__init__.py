"""What every store promises, checked once for all of them."""

import pytest

pytest.register_assert_rewrite("tests.contracts.order_store", "tests.contracts.inbox")
