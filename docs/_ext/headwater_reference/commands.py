"""The page of the commands: what each tells of itself."""

from __future__ import annotations

from typing import Any

from headwater_reference.markdown import block


def commands() -> dict[str, Any]:
    """Return the commands by name, as click has them."""
    import typer

    from headwater.cli.app import app

    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def commands_page() -> str:
    """Return the help of every command."""
    parts = ["# Help of the commands\n", "What `headwater COMMAND --help` says.\n"]
    for name, command in commands().items():
        context = command.context_class(command, info_name=f"headwater {name}", max_content_width=88)
        parts.append(f"(command-{name})=\n## `headwater {name}`\n\n{block('text', command.get_help(context))}")
    return "\n".join(parts)
