"""Kinds `process.*` and `source.process`: programs, which the operator has to allow; never in a shell."""

from headwater_steps.process.program_errors import ProgramError, ProgramTimeoutError
from headwater_steps.process.programs import Pipe, ProgramFooter, Run, Source

__all__ = ["Pipe", "ProgramError", "ProgramFooter", "ProgramTimeoutError", "Run", "Source"]
