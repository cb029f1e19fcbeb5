"""The page with the help of every command."""

from __future__ import annotations

from typing import Any

from headwater_reference.markdown import block


def commands() -> dict[str, Any]:
    """Return the click commands by name."""
    import typer

    from headwater.cli.app import app

    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def commands_page() -> str:
    """Return the help of every command."""
    parts = ["# Help of the commands\n", "The output of `headwater COMMAND --help`.\n"]
    for name, command in commands().items():
        context = command.context_class(command, info_name=f"headwater {name}", max_content_width=88)
        parts.append(f"(command-{name})=\n## `headwater {name}`\n\n{block('text', command.get_help(context))}")
    return "\n".join(parts)
