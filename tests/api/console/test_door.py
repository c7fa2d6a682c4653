"""Who gets in, how long it lasts, and what another site or a stranger can do: nothing."""

import pytest

from backend.api.app import ROUTES
from backend.domain.passwords import new_console_user, parse_console_users
from backend.domain.roles import Role

from .conftest import PASSWORD, Console

PAGES = ("", "/orders", "/orders/TEST-001", "/deliveries", "/deliveries/mock/cashflows/abc", "/notifications")
FORMS = (
    "/sign-out",
    "/orders/TEST-001/operations",
    "/orders/TEST-001/operations/1/approve",
    "/orders/TEST-001/check",
    "/orders/TEST-001/cancel",
    "/orders/TEST-001/reinstate",
    "/orders/TEST-001/attention",
    "/orders/TEST-001/notifications/1",
    "/deliveries/mock/cashflows/abc/replay",
    "/notifications/pause",
)


async def test_without_a_session_every_page_leads_to_the_sign_in(console: Console) -> None:
    for page in PAGES:
        answer = await console.get(page)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in?back=%2Fconsole")


async def test_without_a_session_no_form_is_taken(console: Console) -> None:
    for form in FORMS:
        answer = await console.client.post(f"/console{form}", data={"form_token": "x"}, headers=console.headers)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in")


def test_no_form_is_left_out_above() -> None:
    told = {
        route.path
        for module in ROUTES
        for route in module.router.routes
        if getattr(route, "path", "").startswith("/console") and "POST" in getattr(route, "methods", ())
    }
    assert len(told - {"/console/sign-in"}) == len(FORMS)


async def test_a_form_of_another_site_is_refused(console: Console) -> None:
    await console.sign_in()
    token = await console.token()
    foreign: list[tuple[dict[str, str], str]] = [
        ({"Origin": "https://evil.example"}, token),
        ({"Sec-Fetch-Site": "cross-site"}, token),
        ({"Sec-Fetch-Site": "same-site"}, token),
        (console.headers, "0" * 64),
        (console.headers, ""),
    ]
    for form in FORMS:
        for headers, sent in foreign:
            answer = await console.client.post(f"/console{form}", data={"form_token": sent}, headers=headers)
            assert answer.status_code == 403, (form, headers)
            assert "not of your session" in answer.text


async def test_an_operator_key_and_a_password_let_in_and_nothing_else_does(console: Console) -> None:
    assert (await console.sign_in()).status_code == 303
    assert "anna (admin)" in await console.text()
    assert (await console.sign_in(name="paul", secret=PASSWORD)).status_code == 303
    assert "paul (viewer)" in await console.text()
    for name, secret in (("paul", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("anna", "ok_" + "a" * 43)):
        answer = await console.sign_in(name=name, secret=secret)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert secret not in answer.text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(console: Console) -> None:
    cookie = (await console.sign_in()).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_after_signing_out_a_copied_cookie_is_worth_nothing(console: Console) -> None:
    await console.sign_in()
    copied = console.client.cookies["console"]
    await console.post("/sign-out")
    console.client.cookies.clear()
    console.client.cookies.set("console", copied)
    assert (await console.get()).status_code == 303


async def test_signing_in_again_is_a_new_session(console: Console) -> None:
    await console.sign_in()
    first = console.client.cookies["console"], await console.token()
    await console.sign_in()
    assert first[0] != console.client.cookies["console"]
    assert first[1] != await console.token()


async def test_a_changed_cookie_is_no_session(console: Console) -> None:
    await console.sign_in()
    cookie = console.client.cookies["console"]
    for changed in (cookie[:-3] + "AAA", "", cookie.split(".")[0], "x" * 5000):
        console.client.cookies.clear()
        console.client.cookies.set("console", changed)
        assert (await console.get()).status_code == 303


async def test_guessing_is_slowed_down(console: Console) -> None:
    answers = [(await console.sign_in(name="paul", secret=f"ok_guess-{n}")).status_code for n in range(12)]
    assert answers[0] == 401
    assert answers[-1] == 429


async def test_signing_in_leads_to_the_console_alone(console: Console) -> None:
    for back in ("https://evil.example", "//evil.example", "/console//evil.example", "/console\\evil", "/api"):
        assert (await console.sign_in(back=back)).headers["location"] == "/console"
    assert (await console.sign_in(back="/console/orders?q=a")).headers["location"] == "/console/orders?q=a"


async def test_every_page_forbids_scripts_frames_and_caches(console: Console) -> None:
    answers = [await console.get("/sign-in")]
    await console.sign_in()
    answers += [await console.get(page) for page in PAGES]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_entry_of_a_password_holds_nothing_of_it_and_is_read_back() -> None:
    entry = new_console_user("paul", Role.VIEWER, PASSWORD)
    assert PASSWORD not in entry
    (user,) = parse_console_users(entry)
    assert (user.name, user.role) == ("paul", Role.VIEWER)
    with pytest.raises(ValueError, match="entry 2"):
        parse_console_users(f"{entry},{entry}")
