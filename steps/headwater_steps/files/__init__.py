"""Tools for files that the steps share."""

from __future__ import annotations

from headwater_steps.files.compression import DamagedFileError
from headwater_steps.files.models import BadLineError, BadRow, FileFooter, FileHeader, FileSummary

__all__ = ["BadLineError", "BadRow", "DamagedFileError", "FileFooter", "FileHeader", "FileSummary"]
