"""What is asked most is called directly, and answers as the framework would."""

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

from backend.api import errors, order_routes, payment_routes, webhook_routes
from backend.api.direct_route import DirectRoute
from backend.api.errors import NoSuchOrder
from backend.api.exact_json_route import ExactJsonRoute
from backend.api.layers.direct_routes import DirectRoutes


class Asked(BaseModel):
    number: int


class Answered(BaseModel):
    name: str
    number: int
    who: str


async def who(request: Request) -> str:
    return request.headers["x-who"]


def app_with(route_class: type[APIRoute]) -> AsyncClient:
    app = FastAPI()
    app.router.route_class = route_class

    @app.post("/direct/{name}")
    async def direct(name: str, asked: Asked, who: str = Depends(who)) -> Answered:
        return Answered(name=name, number=asked.number, who=who)

    @app.get("/left/{number}")
    async def left(number: int, x_who: str = Header()) -> Answered:
        return Answered(name="", number=number, who=x_who)

    return AsyncClient(transport=ASGITransport(app), base_url="http://test", headers={"X-Who": "ann"})


@pytest.mark.parametrize("body", ['{"number": 1}', '{"number": "x"}', '{"numbers": 1}', "[]", "null", ""])
async def test_the_answer_is_the_frameworks(body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answers = [
        await app_with(route_class).post("/direct/a%20b", content=body, headers=headers)
        for route_class in (DirectRoute, ExactJsonRoute)
    ]
    direct, framework = ((answer.status_code, answer.json(), answer.headers["content-type"]) for answer in answers)
    assert direct == framework


async def test_endpoints_that_take_more_are_left_to_the_framework() -> None:
    client = app_with(DirectRoute)
    assert (await client.get("/left/7")).json() == {"name": "", "number": 7, "who": "ann"}
    assert (await client.get("/left/seven")).status_code == 422


def test_what_is_asked_most_is_called_directly() -> None:
    routes = [*payment_routes.router.routes, *order_routes.router.routes, *webhook_routes.router.routes]
    direct = {route.endpoint.__name__ for route in routes if isinstance(route, DirectRoute) and route.is_direct}
    assert direct == {"create_payment", "get_order", "receive_webhook", "receive_webhook_of_a_job"}


async def test_the_first_route_that_fits_answers_whether_it_is_direct_or_not() -> None:
    router = APIRouter(route_class=DirectRoute)

    @router.get("/things/{number}/parts")
    async def not_direct(number: int) -> Answered:
        return Answered(name="not direct", number=number, who="")

    @router.get("/things/{name:path}")
    async def direct(name: str) -> Answered:
        if name == "none":
            raise NoSuchOrder
        return Answered(name=name, number=0, who="")

    @router.get("/things/never")
    async def never() -> Answered:
        raise AssertionError("an earlier one fits")

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(DirectRoutes, routes=router.routes)
    errors.install(app)
    client = AsyncClient(transport=ASGITransport(app), base_url="http://test")
    answers = {path: await client.get(f"/things/{path}") for path in ("7/parts", "x/parts", "7/other", "never", "none")}
    assert [answer.status_code for answer in answers.values()] == [200, 422, 200, 200, 404]
    names = [answer.json()["name"] for answer in answers.values() if answer.status_code == 200]
    assert names == ["not direct", "7/other", "never"]
    assert answers["none"].headers["content-type"] == "application/problem+json"
    assert (await client.post("/things/7")).status_code == 405
    assert (await client.get("/thing")).status_code == 404
