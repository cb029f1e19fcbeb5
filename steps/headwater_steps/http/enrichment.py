"""The kind `http.enrich`: a field for each record from a server."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from headwater import StepContext
from headwater.toolkit import FieldPath, Reads, Record, field_locator, fields_of, put_field
from headwater_steps.http.body import ReadAs, value_of
from headwater_steps.http.http_errors import HttpStatusError
from headwater_steps.http.http_step import HttpStep
from headwater_steps.http.url_templates import Filler, UrlTemplate, fields_in

__all__ = ["Enrich"]

_ABSENT: Final = {404, 410}


class Enrich(HttpStep, kind="http.enrich"):
    """Get a value for each record from a URL that is made of its fields, and put it into the record.

    In the URL `{user.id}` stands for a field. Its value is percent-encoded, so it stays one part of the path or one
    field of the query; scheme and host are never made of fields.

    Records of a stream are enriched one after the other; with `"concurrency": 8` in the document, eight at the same
    time, and they still come in order. `http.get` says what may be requested.

    Args:
        url: The URL, such as `https://api.example.com/users/{user.id}`.
        into: Path of the field for the value; an existing value is replaced.
        read_as: How a body is read: as `json`, `text`, `bytes`, or with `auto` by its content type.
        on_absent: What happens when the server answers that there is nothing (404 or 410): `fail` is an error, `null`
            sets the field to null. Any other status of 400 or more is an error.

    Returns:
        The record with the new field.

    Raises:
        HttpError: The request fails or is not allowed, or its answer cannot be used.
        ValueError: The URL cannot be made of the record.

    Example:
        >>> enrich = Enrich(url="https://api.example.com/users/{id}", into="user", hosts=["api.example.com"])
        >>> enrich.read_as
        'json'
    """

    url: UrlTemplate
    into: FieldPath
    read_as: ReadAs = "json"
    on_absent: Literal["fail", "null"] = "fail"

    @cached_property
    def _filler(self) -> Filler:
        return Filler(self.url)

    @cached_property
    def _locate(self) -> Callable[[Record], tuple[str, ...]]:
        return field_locator(self.into)

    async def run(self, item: Annotated[Record, Reads(at="url", paths=fields_in)], ctx: StepContext) -> dict[str, Any]:
        """Enrich one record."""
        fields = dict(fields_of(item))
        put_field(fields, self._locate(item), await self._found(self._filler.fill(item), ctx))
        return fields

    async def _found(self, url: str, ctx: StepContext) -> Any:
        try:
            async with self.exchange(ctx, url) as answer:
                return await value_of(answer, self.read_as)
        except HttpStatusError as error:
            if self.on_absent == "fail" or error.status not in _ABSENT:
                raise
            return None
