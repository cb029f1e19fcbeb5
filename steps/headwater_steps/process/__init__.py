"""Steps that run programs, which the operator has to allow: never a shell, with an environment that is named."""

from headwater_steps.process.program_errors import ProgramError, ProgramTimeoutError
from headwater_steps.process.programs import Pipe, ProgramFooter, Run, Source

__all__ = ["Pipe", "ProgramError", "ProgramFooter", "ProgramTimeoutError", "Run", "Source"]
