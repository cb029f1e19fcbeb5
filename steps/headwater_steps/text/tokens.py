"""The kind `text.count_tokens`: tokens of a language model, counted by the tokenizer in a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Annotated, Any, Final, Self

from anyio.to_thread import run_sync
from pydantic import Field, PrivateAttr, model_validator

from headwater import MissingExtraError, Step
from headwater.toolkit import PathUse, open_inside, refuse_outside, refuse_private

__all__ = ["CountTokens"]

_HAS_TOKENIZERS: Final = find_spec("tokenizers") is not None


class CountTokens(Step, kind="text.count_tokens", blocking=True):
    """Count the tokens of a string, as a language model would read it.

    It needs the extra `tokens` (the library `tokenizers`), and the tokenizer of the model as a file; nothing is ever
    downloaded.

    Args:
        tokenizer: Path of the tokenizer, the `tokenizer.json` that comes with a model.
        special: Whether the tokens that the tokenizer adds at the ends of a string count too.

    Returns:
        How many tokens the string has; it is never truncated.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a tokenizer.
        MissingExtraError: The extra `tokens` is not installed.

    Example:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> tokenizer = Tokenizer(models.WordLevel({"salt": 0, "?": 1}, unk_token="?"))
        >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> tokenizer.save("tokenizer.json")
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("tokens", steps={"count": CountTokens(tokenizer="tokenizer.json")}), "salt, water").output
        3
    """

    tokenizer: Annotated[str, Field(min_length=1), PathUse(writes=False)]
    special: bool = False

    _encode: Any = PrivateAttr(None)

    @model_validator(mode="after")
    def _can_count(self) -> Self:
        if not _HAS_TOKENIZERS:
            raise MissingExtraError("counting tokens", "tokens")
        return self

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Read the tokenizer."""
        self._encode = (await run_sync(_read, self.tokenizer)).encode
        yield

    def run(self, text: str) -> int:
        """Return how many tokens a string has."""
        return len(self._encode(text, add_special_tokens=self.special))


def _read(path: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("counting tokens", "tokens") from error
    refuse_outside(path)
    with open(path, encoding="utf-8", opener=open_inside) as file:
        refuse_private(path, file.fileno())
        text = file.read()
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:
        raise ValueError(f"{path} is not a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
