"""Commands that other installed packages add to the command line, by the entry-point group `headwater.commands`.

An entry point names a Typer app, which becomes a command with its own commands, or a function, which becomes a command
as if it were decorated with `@app.command()`. A package is imported only when its command is called, or listed in help.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from headwater.cli.reporting import say_error
from headwater.cli.terminal import say
from headwater.display import one_line
from headwater.errors import HeadwaterError
from headwater.plugins import Group, installed, load_plugin, mentioned

__all__ = ["CommandGroup"]


class CommandGroup(TyperGroup):
    """The commands of Headwater, followed by those of other packages; these cannot replace one of Headwater's own."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        own = super().list_commands(ctx)
        others = set(installed(Group.COMMANDS)) if mentioned(Group.COMMANDS) else set[str]()
        return [*own, *sorted(others.difference(own))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None: one that is broken is reported in a line, and does not break the others."""
        if (own := super().get_command(ctx, cmd_name)) is not None or cmd_name not in installed(Group.COMMANDS):
            return own
        try:
            return _loaded(cmd_name)
        except HeadwaterError as error:
            if not ctx.resilient_parsing:  # as while a shell completes, when nothing may be written
                say(f"headwater: {one_line(str(error), 500)}")
            return None

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of one of another package becomes a message, as those of Headwater's own do."""
        try:
            return super().invoke(ctx)
        except HeadwaterError as error:
            raise typer.Exit(say_error(error)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called; when it is broken, nothing more has to be said about it."""
        name = args[0]
        if super().get_command(ctx, name) is None and name in installed(Group.COMMANDS):
            try:
                return name, _loaded(name), args[1:]
            except HeadwaterError as error:
                raise typer.Exit(say_error(error)) from None
        return super().resolve_command(ctx, args)


def _loaded(name: str) -> Any:
    plugin = load_plugin(Group.COMMANDS, name)
    if not isinstance(plugin, typer.Typer):
        if not callable(plugin):
            raise HeadwaterError(f"the command {name!r} is {plugin!r}, but a Typer app or a function is expected")
        function, plugin = plugin, typer.Typer(add_completion=False, rich_markup_mode=None)
        plugin.command(name)(function)
    command = get_command(plugin)
    command.name = name
    return command
