# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What mypy and pyright see of the authoring API; a test imports it, to see that all of it is right at run time too.

Each `type: ignore` stands on a mistake that both checkers must find: without it, they would call the comment unused.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar, assert_type

from pydantic import BaseModel, PrivateAttr, SecretStr

from headwater.kinds import Emits, Flavor, Outputs, Step, StepContext, StepFunction, Task, To, step
from headwater.streams import Footer, Header, Stream, StreamType

Item = TypeVar("Item")


class Samples(BaseModel):
    pcm: bytes


class AudioFormat(BaseModel):
    rate: int


class Segment(BaseModel):
    text: str


class Language(BaseModel):
    name: str


class Duration(BaseModel):
    seconds: float


class Transcribe(Step, kind="typing.audio_transcribe"):
    """A class with a resource, a header and a footer."""

    model: str = "en-us"
    _factor: float = PrivateAttr(default=0.0)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        self._factor = 1.0
        yield

    async def run(self, audio: Stream[Samples, AudioFormat], ctx: StepContext) -> Emits[Segment, Language, Duration]:
        audio_format = await audio.header()
        assert_type(audio_format, AudioFormat)
        yield Language(name="en")
        async for samples in audio:
            assert_type(samples, Samples)
            ctx.progress(0.5, "decoding", bytes=len(samples.pcm))
            yield Segment(text=str(len(samples.pcm) / audio_format.rate * self._factor))
        yield Footer(Duration(seconds=1.0))


def misuse_a_class() -> None:
    """Give params that are not there."""
    Transcribe(model="de")
    Transcribe(mode="de")  # type: ignore[call-arg]
    Transcribe(model=3)  # type: ignore[arg-type]


class WrongHeader(Step, kind="typing.wrong_header"):
    async def run(self, audio: Stream[Samples]) -> Emits[Segment]:
        yield Language(name="en")  # type: ignore[misc]
        header: AudioFormat = await audio.header()  # type: ignore[func-returns-value, assignment]
        yield Segment(text=str(header.rate))
        yield None  # type: ignore[misc]


@step("typing.text_upper")
def upper(text: str, *, locale: str = "en", key: SecretStr | None = None) -> str:
    """A param with a default, and a secret."""
    return text.upper() + locale


def misuse_a_function() -> StepFunction[..., str]:
    """Give arguments that are not there."""
    assert_type(upper("hello", locale="de"), str)
    upper(3)  # type: ignore[arg-type]
    upper("hello", lang="de")  # type: ignore[call-arg]
    return upper.with_params(locale="de")


@step("typing.text_words", blocking=True)
def words(lines: Iterable[str]) -> Iterator[str | Header[Language] | Footer[int]]:
    """A plain generator with a header and footer."""
    yield Header(Language(name="en"))
    for line in lines:
        yield from line.split()
    yield Footer(3)
    yield 3  # type: ignore[misc]


@step("typing.stream_filter")
async def keep(items: Stream[Item], *, every: int = 2) -> AsyncIterator[Item]:
    """A generic step."""
    index = 0
    async for item in items:
        if index % every == 0:
            yield item
        index += 1


class Checked(Outputs):
    accepted: Segment
    rejected: str


@step("typing.stream_check")
async def check(segments: Stream[Segment]) -> AsyncIterator[Checked]:
    """Several outputs, streaming."""
    async for segment in segments:
        if segment.text:
            yield Checked(accepted=segment, rejected="")
        else:
            yield To("rejected", "empty")
    yield Checked(accepted="", rejected="")  # type: ignore[arg-type]
    yield Segment(text="")  # type: ignore[misc]


@step("typing.text_check")
def check_one(segment: Segment) -> Checked:
    """Several outputs, unary."""
    if segment.text:
        return To("accepted", segment)
    return Checked(accepted=segment, rejected="")


@step("typing.text_shadow")
async def shadow(
    left: Stream[Segment, Language],
    right: str,
    other: Stream[int] | None = None,
) -> Annotated[AsyncIterator[str], StreamType(str, mode="snapshot")]:
    """Several inputs, one of them optional, and items that are snapshots."""
    assert_type((await left.header()).name, str)
    if other is not None:
        assert_type(await other.collect(), list[int])
    yield right


split = Task("split", unary_input=str, stream_input=str, unary_output=list[str], stream_output=str, input_join="".join)


class Split(Step, kind="typing.text_split"):
    @split.method(Flavor.UNARY_UNARY)
    def whole(self, text: str) -> list[str]:
        return text.split()

    @split.method(Flavor.STREAM_STREAM)
    async def live(self, texts: Stream[str]) -> AsyncIterator[str]:
        async for text in texts:
            for word in self.whole(text):
                yield word


def misuse_a_method() -> Callable[[str], Iterator[str]]:
    """Take a method for another."""
    return Split().whole  # type: ignore[return-value]
