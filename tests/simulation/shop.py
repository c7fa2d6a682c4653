"""The shop that is told of its orders: away now and then, or its answer is lost after it took what came."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from backend.ports import NotTaken, ShopAnswer, Taken

if TYPE_CHECKING:
    from .world import World


class Shop:
    """``taken`` are the ids and bodies in the order in which they came, repeats and all."""

    address = "https://shop.example/hook"

    def __init__(self, world: "World") -> None:
        self.taken: list[tuple[str, str]] = []
        self._world = world

    async def deliver(self, notification_id: str, body: str, _: datetime) -> ShopAnswer:
        reply: asyncio.Future[ShopAnswer] = asyncio.get_running_loop().create_future()
        self._world.spawn(self._take(notification_id, body, reply))
        return await reply

    async def _take(self, notification_id: str, body: str, reply: "asyncio.Future[ShopAnswer]") -> None:
        chance = self._world.chance
        await asyncio.sleep(chance.between("shop", 0.005, 0.4))
        answer: ShopAnswer = Taken("200")
        if chance.strikes("shop_away"):
            answer = NotTaken("503")
        else:
            self.taken.append((notification_id, body))
            self._world.reached("notify")
            if chance.strikes("shop_answer_lost"):
                answer = NotTaken("connection reset")
        if not reply.done():
            reply.set_result(answer)
