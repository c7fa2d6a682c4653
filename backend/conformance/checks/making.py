"""How the adapter comes to be: from settings, without a call, and as one account among others."""

import pytest

from ...gateways.registry import GatewayPluginError
from ..bench import Bench, Checks, check, on_bench


class MakingChecks(Checks):
    @check
    async def test_it_goes_by_the_name_of_its_entry_point(self, bench: Bench) -> None:
        assert bench.gateway.name == bench.harness.gateway

    @check
    async def test_making_it_calls_nobody(self, bench: Bench) -> None:
        assert bench.wire.sent == []
        assert bench.gateway.refusal() is None

    @check
    async def test_each_credential_is_needed_and_named_when_it_is_missing(self) -> None:
        for name in self.make_harness().credentials:
            with pytest.raises(GatewayPluginError, match=name):
                async with on_bench(self.make_harness(), changed={name: None}):
                    raise AssertionError(f"it was made without {name}")

    @check
    async def test_its_account_is_the_same_for_the_same_settings(self, bench: Bench) -> None:
        assert bench.gateway.account
        async with on_bench(self.make_harness()) as again:
            assert again.gateway.account == bench.gateway.account

    @check
    async def test_another_credential_is_another_account(self, bench: Bench) -> None:
        """Calls that were stopped for bad credentials are resumed when the settings change."""
        for name in bench.harness.credentials:
            async with on_bench(self.make_harness(), changed={name: "999999999"}) as other:
                assert other.gateway.account != bench.gateway.account, f"another {name} is the same account"

    @check
    async def test_its_account_tells_nothing_of_the_credentials(self, bench: Bench) -> None:
        for name in bench.harness.credentials:
            assert bench.harness.settings[name] not in bench.gateway.account

    @check
    async def test_it_shows_no_secret_of_its_own(self, bench: Bench) -> None:
        shown = f"{bench.gateway!r} {bench.gateway} {bench.gateway.notice} {bench.gateway.refusal()}"
        for secret in bench.secret_values:
            assert secret not in shown
