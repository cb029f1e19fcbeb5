"""Pipelines from the arguments of a command."""

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
    """Load a pipeline, with parameters as `name=value`, modules with more kinds, and permissions."""
    from headwater.api.pipeline import Pipeline

    load_step_modules(steps)
    given = {name: value for name, _, value in (setting.partition("=") for setting in settings)}
    with _regular(config) as path:
        return Pipeline.load(path, _values(path, given) if given else None, allow=allow)


@contextmanager
def _regular(config: Path) -> Generator[Path]:
    """Yield a path that can be read again, also for standard input and pipes; problems keep the name the user knows."""
    name = "standard input" if str(config) == "-" else str(config)
    if name == str(config) and not config.is_fifo():
        yield config
        return
    from headwater.cli.reporting import remember
    from headwater.config.notation.reading import SIZE_LIMIT_BYTES
    from headwater.errors import ConfigError

    with TemporaryDirectory(prefix="headwater-") as folder:
        with open(os.dup(0) if name != str(config) else config, "rb") as file:  # noqa: PTH123 - not a path
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
    """Import the files and modules of `--steps`; a module that is not installed is found in the current folder."""
    from headwater.kinds.registry import load_steps

    here = str(Path.cwd())
    for file_or_module in files_or_modules:
        if not file_or_module.endswith(".py") and here not in sys.path:
            sys.path.append(here)  # last, so that no file there replaces an installed module
        load_steps(file_or_module)


def _values(config: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Convert strings to the types that the document declares."""
    from headwater.config.notation.reading import read_source
    from headwater.config.parameters import parameter_values

    return parameter_values(read_source(config).document, given)
