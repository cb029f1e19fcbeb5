"""From what the user wrote on the command line to a pipeline."""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.api.pipeline import Pipeline

__all__ = ["load_pipeline", "load_step_modules"]

_STARTS_OF_YAML = {bytes([code]) for code in b"#%-'\"" + string.ascii_letters.encode()}


def load_pipeline(
    config: Path, settings: Sequence[str] = (), steps: Sequence[str] = (), allow: Collection[str] = ()
) -> Pipeline:
    """Load a pipeline as the options of a command say.

    Args:
        config: Path of the document; `-` is standard input.
        settings: Parameters, each as `name=value`.
        steps: Files and modules with further kinds of steps.
        allow: Permissions that the document may use.

    Returns:
        The pipeline.

    Raises:
        ConfigError: The document or a parameter is wrong.
        StepDefinitionError: A file or module with steps is wrong.
        MissingExtraError: The document is YAML, and the library for that is not installed.
    """
    from headwater.api.pipeline import Pipeline

    load_step_modules(steps)
    texts = {name: value for name, _, value in (text.partition("=") for text in settings)}
    with _regular(config) as path:
        return Pipeline.load(path, _values(path, texts) if texts else None, allow=allow)


@contextmanager
def _regular(config: Path) -> Generator[Path]:
    """Give a document that can be read only once, such as standard input or a pipe, as a file that can be read again.

    Its problems are told with the name that the user knows.
    """
    name = "standard input" if str(config) == "-" else str(config)
    if name == str(config) and not config.is_fifo():
        yield config
        return
    from headwater.cli.problems import remember
    from headwater.config.notation.reading import SIZE_LIMIT_BYTES
    from headwater.errors import ConfigError

    with TemporaryDirectory(prefix="headwater-") as folder:
        with open(os.dup(0) if name != str(config) else config, "rb") as file:  # noqa: PTH123 - a descriptor is no path
            content = file.read(SIZE_LIMIT_BYTES + 1)  # one more than is allowed, so that too much is refused
        is_yaml = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in _STARTS_OF_YAML
        path = Path(folder, "document.yaml" if is_yaml else "document.json")
        path.write_bytes(content)
        remember(name, content)
        try:
            yield path
        except ConfigError as error:
            known = [replace(one, file=name) if one.file == str(path) else one for one in error.problems]
            raise ConfigError(known) from None


def load_step_modules(files_or_modules: Iterable[str]) -> None:
    """Import what `--steps` names; modules are also found in the current folder.

    Args:
        files_or_modules: Paths of `.py` files, or import names.

    Raises:
        StepDefinitionError: One cannot be imported, or defines no step.
    """
    from headwater.kinds.registry import load_steps

    here = str(Path.cwd())
    for file_or_module in files_or_modules:
        if here not in sys.path:
            sys.path.insert(0, here)
        load_steps(file_or_module)


def _values(config: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that texts have by the types that the document declares.

    A text that is none stays as it is: loading then tells it, with its place and all other problems.
    """
    from headwater.config.notation.reading import read_source
    from headwater.shapes import is_object

    declared = read_source(config).document.get("parameters")
    declarations = declared if is_object(declared) else {}
    return {name: _value(name, text, declarations.get(name)) for name, text in texts.items()}


def _value(name: str, text: str, declaration: object) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from headwater.config.parameters import parse_parameter
    from headwater.config.spec import ParameterSpec
    from headwater.errors import ConfigError

    try:
        return parse_parameter(text, TypeAdapter(ParameterSpec).validate_python(declaration), name)
    except (ConfigError, ValidationError):
        return text
