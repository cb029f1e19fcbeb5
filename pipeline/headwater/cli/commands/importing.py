"""The command `import`."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.command_options import StepModules, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.config.dialects.translation import Translated

__all__ = ["import_document"]

_SAMPLES: dict[str, Any] = {"string": "", "integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}


@command
def import_document(
    document: Annotated[Path, typer.Argument(metavar="OLD.json", help="The document of the other engine.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="NEW.json", help="Where the translated document goes.")
    ] = None,
    steps: StepModules = None,
) -> None:
    """Translate a document of another engine: steps that name classes, and a flow of paths between them.

    \b
    Examples:
      headwater import old.json -o pipeline.json
      headwater import old.json -o pipeline.json --steps my_steps.py

    \b
    Steps whose kinds do not exist are written to steps.py beside the new document,
    each with its ports and options, to be filled in: they stand for the classes of
    the old document. Kinds that --steps brings are used as they are; if it is
    steps.py itself, new kinds are written to steps_2.py. Nothing is overwritten.
    What has no counterpart is refused, with its place and the reason.

    \b
    Exit codes:
      0  OK
      2  the document cannot be translated, or the command line is wrong
    """
    from headwater.cli.loading import load_step_modules
    from headwater.cli.terminal import say, show
    from headwater.config.dialects.placeholders import steps_module
    from headwater.config.dialects.translation import translated
    from headwater.config.notation.reading import read_source

    load_step_modules(steps or ())
    made = translated(read_source(document))
    folder = Path() if output is None else output.parent
    _refuse_missing(folder, output)
    module = _module(folder, steps or ())
    missing = _without_known(made)
    _refuse_existing([*([] if output is None else [output]), *([module] if missing.placeholders else [])])
    code = steps_module(f"Steps of {document.name}: write what each of them does.", missing.placeholders)
    _check(made, code if missing.placeholders else "")
    if missing.placeholders:
        _write(module, code)
    if output is None:
        show(_as_text(made.document).rstrip("\n"))
    else:
        _write(output, _as_text(made.document))
    for line in _summary(made, missing, output, module, steps or ()):
        say(line)


def _as_text(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _without_known(made: Translated) -> Translated:
    """Return the translation with only those placeholders whose kinds do not exist."""
    from headwater.config.dialects.translation import Translated
    from headwater.kinds.registry import registry

    return Translated(made.document, [one for one in made.placeholders if one.kind not in registry.kinds()])


def _module(folder: Path, steps: Sequence[str]) -> Path:
    """Return the file for new steps: `steps.py`, or the next free one if that was given with `--steps`."""
    module, number = folder / "steps.py", 2
    given = {Path(name).resolve() for name in steps if name.endswith(".py")}
    while module.resolve() in given or (number > 2 and module.exists()):
        module, number = folder / f"steps_{number}.py", number + 1
    return module


def _refuse_missing(folder: Path, output: Path | None) -> None:
    if not folder.is_dir():
        message = f"{output} cannot be written, because there is no folder {folder}; create it first"
        raise typer.BadParameter(message)


def _refuse_existing(files: list[Path]) -> None:
    for file in files:
        if file.exists():
            hint = "remove it, or write elsewhere with -o"
            if file.name == "steps.py":
                hint = f"use its kinds with --steps {file}, remove it, or write elsewhere with -o"
            message = f"{file} exists already, and nothing is overwritten; {hint}"
            raise typer.BadParameter(message)


def _write(file: Path, text: str) -> None:
    with file.open("x", encoding="utf-8", newline="\n") as opened:
        opened.write(text)


def _check(made: Translated, code: str) -> None:
    """Load what was made, with a value for every parameter; raise `ConfigError` when that is not possible."""
    from headwater.api.pipeline import Pipeline
    from headwater.cli.loading import load_step_modules

    if code:
        with TemporaryDirectory(prefix="headwater-") as folder:
            module = Path(folder, "steps.py")
            _write(module, code)
            load_step_modules([str(module)])
    Pipeline.load(made.document, {name: _sample(spec) for name, spec in _required(made).items()})


def _sample(spec: dict[str, Any]) -> Any:
    """Return a value that a parameter accepts."""
    if "enum" in spec:
        return spec["enum"][0]
    if spec["type"] not in {"integer", "number"}:
        return _SAMPLES[spec["type"]]
    return min(max(_SAMPLES[spec["type"]], spec.get("minimum", 1)), spec.get("maximum", 1e9))


def _required(made: Translated) -> dict[str, dict[str, Any]]:
    parameters: dict[str, dict[str, Any]] = made.document.get("parameters", {})
    return {name: spec for name, spec in parameters.items() if "default" not in spec}


def _summary(
    made: Translated, missing: Translated, output: Path | None, module: Path, steps: list[str] | tuple[str, ...]
) -> list[str]:
    """Return what was written, and what to do next."""
    from headwater.display import plural

    count = plural(len(made.document["steps"]), "step")
    lines = [f"{'document' if output is None else output}: {count}, {plural(len(made.document['edges']), 'edge')}"]
    if missing.placeholders:
        kinds = ", ".join(one.kind for one in missing.placeholders)
        lines.append(f"{module}: {plural(len(missing.placeholders), 'kind')} to be written: {kinds}")
    named = [*steps, *([str(module)] if missing.placeholders else [])]
    options = "".join(f" --steps {name}" for name in named) + "".join(f" --set {name}=..." for name in _required(made))
    if output is not None:
        lines.append(f"next: headwater check {output}{options}")
    return lines
