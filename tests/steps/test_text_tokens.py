"""Tokens counted by a tokenizer that was made here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from headwater import ConfigError, MissingExtraError, Pipeline, StepError

TEXTS = ["salt water", "fresh water", "the sea is salt and the river is fresh"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the path of a small tokenizer that would truncate, pad and add tokens of its own."""
    tokenizer: Any = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=60, special_tokens=["?", "<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.enable_truncation(max_length=3)
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return str(tmp_path / "tokenizer.json")


def loaded(**params: Any) -> Pipeline:
    """Return a pipeline that counts tokens, as a document gives it."""
    return Pipeline.load({"name": "tokens", "steps": [{"id": "it", "kind": "text.count_tokens", "params": params}]})


async def test_counts_the_tokens_of_one_text(path: str) -> None:
    """What the model was trained on is counted by its merges, neither cut nor filled up."""
    assert (await loaded(tokenizer=path).run("water water salt fresh")).output == 4


async def test_counts_the_tokens_of_each_text_of_a_stream(path: str) -> None:
    """The tokenizer is read once, and each text is counted in its turn."""
    texts = ["water", "", "salt water"] * 50
    assert (await loaded(tokenizer=path).run(iter(texts))).output == [1, 0, 2] * 50


async def test_counts_special_tokens_when_asked(path: str) -> None:
    """Those that the tokenizer adds at the ends of a text."""
    assert (await loaded(tokenizer=path, special=True).run("water")).output == 3


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), ("{}", "is not a tokenizer"), ("", "is not a tokenizer")]
)
async def test_fails_without_a_tokenizer(tmp_path: Path, content: str | None, message: str) -> None:
    """The message names the file that is wrong; nothing is looked for elsewhere."""
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(Exception, match=message) as caught:
        await loaded(tokenizer=str(path)).run("water")
    assert str(path) in str(caught.value)


async def test_says_which_extra_it_needs(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the message says what to install."""
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises((MissingExtraError, StepError), match=r"headwater\[tokens\]"):
        await loaded(tokenizer=path).run("water")


def test_opens_nothing_when_it_is_loaded() -> None:
    """A document can name a file that is not there yet; without a name it is refused."""
    loaded(tokenizer="no/such/file.json")
    with pytest.raises(ConfigError):
        loaded(tokenizer="")
