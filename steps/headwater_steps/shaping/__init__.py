"""Steps that shape streams of anything: choose, count, group, sort, batch, sample, pace.

One rule says what becomes of header and footer. A step that is mapped over the items, such as `stream.filter`, leaves
them around the items. A step that reads the stream as a whole starts a stream of its own, without them: they tell of a
file or a count that the new stream is no longer.
"""

from headwater_steps.shaping.choice import filter_items, skip, take
from headwater_steps.shaping.counts import Group, count, group_count
from headwater_steps.shaping.fields import FieldPath

__all__ = ["FieldPath", "Group", "count", "filter_items", "group_count", "skip", "take"]
