"""What the steps that run programs share: what a program is given besides its input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from headwater import Step, StepContext
from headwater.toolkit import SECRET_PREFIX, Decisive
from headwater_steps.files.encodings import Encoding
from headwater_steps.process.child import Command

__all__ = ["Argument", "ProgramStep"]


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("expected a string without the NUL character, which no program accepts")
    return text


def _variable(name: str) -> str:
    if not name or "=" in name or "\0" in name:
        raise ValueError("expected the name of an environment variable")
    return name


def _inherited(name: str) -> str:
    if name.startswith(SECRET_PREFIX):
        raise ValueError(
            f"a secret is not inherited; give it by secret_env as ${{secret.{name[len(SECRET_PREFIX) :]}}}"
        )
    return _variable(name)


Argument = Annotated[str, Field(max_length=131_072), AfterValidator(_no_nul)]
"""An argument of a program."""

Variable = Annotated[
    str, Field(max_length=256, json_schema_extra={"pattern": "^[^=\\u0000]+$"}), AfterValidator(_variable)
]
"""The name of an environment variable."""


class ProgramStep(Step, permission="process"):
    """The base of the steps that run programs; its fields are params of all of them."""

    cwd: Annotated[
        Path | None, Decisive(), Field(description="Working directory of the program; by default that of Headwater.")
    ] = None
    env: Annotated[dict[Variable, Argument], Decisive(parts=())] = Field(
        default={}, description="Variables of its environment, by name, without secrets."
    )
    secret_env: dict[Variable, SecretStr] = Field(
        default={}, description="More variables, with secret values: `${secret.NAME}`."
    )
    inherit_env: Annotated[
        tuple[Annotated[Variable, AfterValidator(_inherited)], ...],
        Decisive(),
        Field(description="Names of the variables of Headwater's own environment that the program gets; no others."),
    ] = ("PATH",)
    kill_after_s: Annotated[
        float,
        Field(
            ge=0,
            le=3_600,
            description="Time between asking it to end and killing it, in seconds, when it is no longer needed.",
        ),
    ] = 5
    ok_codes: Annotated[
        tuple[Annotated[int, Field(ge=0, le=255)], ...],
        Field(description="Exit codes that do not count as failures.", min_length=1),
    ] = (0,)
    encoding: Annotated[Encoding, Field(description="How it reads and writes text.")] = "utf-8"

    def _command(self, argv: Sequence[str], timeout_s: float | None, ctx: StepContext) -> Command:
        inherited = {name: os.environ[name] for name in self.inherit_env if name in os.environ}
        secret = {name: value.get_secret_value() for name, value in self.secret_env.items()}
        env = inherited | self.env | secret
        return Command(argv, self.cwd, env, timeout_s, self.kill_after_s, self.ok_codes, ctx.masked)
