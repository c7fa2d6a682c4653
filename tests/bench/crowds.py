"""More than one process, and more load than one can take."""

import asyncio
from statistics import median
from typing import Final

from .contest import WARM_UP_SECONDS
from .load import Load, percentile
from .measured import Measured, Verdict
from .servers import Server, Servers
from .traffic import creates

AT_ONCE: Final = 64
TIMES: Final = 5
TIMES_ALONE: Final = 2
"""With a connection for each request; more, and the generator is what they wait for."""
SHED_MS: Final = 50
WAITING: Final = 128
CONNECTIONS: Final = 600
"""Many more than there may be requests in the program, or the generator itself would be what they wait for."""


async def two_workers(servers: Servers, kind: str, seconds: float, repeats: int) -> Measured:
    """Goal 5. Each of two processes on one store gets half of the load; beside them the others need their share.

    With SQLite each of the two keeps to a processor of its own, as in ``deploy/supervisord-rolling.conf``; beside
    MongoDB's engine, which needs more than half of one, that is no gain. Two that do not are shown as well.
    """
    store, gateway = servers.new_store(kind), servers.gateway(0)
    free = [servers.program(store, gateway) for _ in range(2)]
    kept = [servers.program(store, gateway, "--processor", str(number)) for number in range(2)]
    pairs = {"as they come": free, "each kept to a processor": kept}
    counts = "each kept to a processor" if kind == "sqlite" else "as they come"
    throughput: dict[str, list[float]] = {how: [] for how in pairs}
    cpu: dict[str, list[float]] = {how: [] for how in pairs}
    for pair in pairs.values():
        await _at_once(pair, WARM_UP_SECONDS)
    for _ in range(repeats):
        per_second_alone, cpu_alone = await _at_once(free[:1], seconds)
        for how, pair in pairs.items():
            per_second, cpu_together = await _at_once(pair, seconds)
            throughput[how].append(per_second / per_second_alone)
            cpu[how].append(cpu_together / cpu_alone)
    for worker in (*free, *kept):
        servers.end(worker)
    what = "create: two workers' throughput to one's"
    verdicts = [Verdict("5", kind, f"{what}, {how}", median(of)) for how, of in throughput.items() if how != counts]
    verdicts += [
        Verdict("5", kind, f"{what}, {counts}", median(throughput[counts]), least=1.7, ratio="workers"),
        Verdict("5", kind, "create: processor time a request, two to one", median(cpu[counts]), most=1.1),
    ]
    return Measured([], verdicts)


async def _at_once(workers: list[Server], seconds: float) -> tuple[float, float]:
    """How many a second, and processor milliseconds for each."""
    before = sum(worker.cpu_seconds() for worker in workers)
    loads = [Load(worker.port, creates()).at_once(AT_ONCE // len(workers), seconds) for worker in workers]
    answers = await asyncio.gather(*loads)
    spent = sum(worker.cpu_seconds() for worker in workers) - before
    return sum(each.per_second for each in answers), 1000 * spent / sum(each.finished for each in answers)


async def overload(servers: Servers, kind: str, seconds: float, repeats: int) -> Measured:
    """Payments are asked for five times as fast as the program was just seen to start them; and then half as fast.

    Between the two twice as fast by clients that keep no connection, as those of gateways and of many proxies.
    """
    program = servers.program(servers.new_store(kind), servers.gateway(0), REQUESTS_WAITING=str(WAITING))
    await Load(program.port, creates()).at_once(AT_ONCE, WARM_UP_SECONDS)
    useful: list[float] = []
    shed_times: list[float] = []
    for _ in range(repeats):
        best = (await Load(program.port, creates()).at_once(AT_ONCE, seconds)).per_second
        flood = await Load(program.port, creates()).at_rate(TIMES * best, seconds, connections=CONNECTIONS)
        useful.append(flood.per_second / best)
        shed_times += flood.shed_times
    alone = await Load(program.port, creates()).at_rate(TIMES_ALONE * best, seconds, connections=0)
    after = await Load(program.port, creates()).at_rate(best / 2, seconds)  # at once, not after ten seconds
    servers.end(program)
    verdicts = [
        Verdict("overload", kind, "useful throughput to the best", median(useful), least=0.9, ratio="overload"),
        Verdict("overload", kind, "refused in, p99 ms", percentile(shed_times, 0.99), most=SHED_MS),
        Verdict(
            "overload", kind, "a connection each: refused in, p99 ms", percentile(alone.shed_times, 0.99), most=SHED_MS
        ),
        Verdict("overload", kind, "right after: p99, ms", after.percentile(0.99), most=4 * SHED_MS),
    ]
    return Measured([], verdicts)
