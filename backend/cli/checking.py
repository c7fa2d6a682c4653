"""Check the installation."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit
from .output import AsJson, harmless, print_json

if TYPE_CHECKING:
    from ..doctor import Finding


def doctor(
    production: Annotated[
        bool, typer.Option("--production", help="Also the guide's checklist for taking real money.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, secrets, store, indexes, gateway, clock and addresses: ok, or what is wrong and what to type.

    Ends with 4 if anything is wrong.
    """
    import asyncio

    from ..doctor import Level

    findings = asyncio.run(_examine(production=production, tell=not as_json))
    count = Counter(finding.level for finding in findings)
    if as_json:
        print_json(findings)
    else:
        typer.echo(f"{count[Level.OK]} ok, {count[Level.NOTE]} to know, {count[Level.WRONG]} wrong")
    if count[Level.WRONG]:
        raise typer.Exit(Exit.FOUND)


async def _examine(*, production: bool, tell: bool) -> "list[Finding]":
    from ..doctor import examine

    findings = []
    async for finding in examine(production=production):
        findings.append(finding)
        if tell:
            _say(finding)
    return findings


def _say(finding: "Finding") -> None:
    colours = {"ok": "green", "note": "yellow", "wrong": "red"}
    typer.secho(f"{finding.level:<6}", fg=colours[finding.level], nl=False)
    typer.echo(harmless(f"{finding.what}: {finding.said}"))
    if finding.todo:
        typer.echo(harmless(f"       -> {finding.todo}"))
