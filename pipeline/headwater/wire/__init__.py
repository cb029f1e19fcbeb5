"""Typed streams as bytes, for files, pipes and connections."""

from headwater.wire.payloads import Compression, frame
from headwater.wire.stream_reader import MAX_FRAME_BYTES, FrameDecoder, FrameKind, StreamReader
from headwater.wire.stream_writer import StreamWriter

__all__ = ["MAX_FRAME_BYTES", "Compression", "FrameDecoder", "FrameKind", "StreamReader", "StreamWriter", "frame"]
