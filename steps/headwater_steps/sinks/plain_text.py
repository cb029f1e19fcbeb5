"""Text files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headwater import step
from headwater_steps.files.compression import Compression
from headwater_steps.files.encoders import TextEncoder
from headwater_steps.files.encodings import Encoding
from headwater_steps.files.facts import FileSummary
from headwater_steps.sinks.rows import write_rows

__all__ = ["text"]


@step("sink.text", blocking=True)
def text(
    items: Iterable[str],
    *,
    path: Path,
    end: str = "\n",
    encoding: Encoding = "utf-8",
    overwrite: bool = False,
    compression: Compression = "auto",
) -> FileSummary:
    r"""Write texts to a file, each on a line of its own.

    The file appears when all of it is on the disk: it is written beside its place, and renamed. A failure, a cancel or
    a full disk leaves nothing behind. Header and footer of the stream are not written.

    Args:
        items: Texts; one that contains the end of a line makes several.
        path: The file; a relative path starts at the working directory, whose folder must exist.
        end: What follows each text; nothing where pieces of one text are to be put together again.
        encoding: How the text is encoded; UTF-16 and UTF-32 begin with a byte order mark.
        overwrite: Whether a file that is there already is replaced; otherwise it is an error.
        compression: How the file is compressed; `auto` tells it by the name's end (`.gz`, `.bz2`, `.xz`, `.zst`).

    Returns:
        What was written.

    Raises:
        FileExistsError: There is a file already.
        OSError: The file cannot be written.
        ValueError: A text has a character that the encoding cannot express.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = text(["a rose", "is a rose"], path=Path(folder, "poem.txt"))
        ...     Path(folder, "poem.txt").read_text()
        'a rose\nis a rose\n'
    """
    return write_rows(items, path, TextEncoder(encoding, end), compression=compression, overwrite=overwrite)
