"""Where a sentence ends: the one rule, decided at each mark from a few characters around it.

A mark that is followed by a space, perhaps after closing quotes or brackets, ends a sentence, unless what is around it
says otherwise: an abbreviation (`Dr.`, `e.g.`, `p. 5`), an initial (`J. Smith`, `U.S. Government`), the number of a
list item (`2. Second`), a quote that its sentence goes on after (`"Stop!" he said`), or dots that leave words out. The
marks of Chinese and Japanese need no space. The rule looks at most `LOOK_AHEAD` characters ahead and `LOOK_BACK` back,
so text that arrives in pieces is cut where the whole text is.
"""

from __future__ import annotations

import re

__all__ = ["BULLETS", "LINE_ENDS", "LOOK_BACK", "MARKS", "end_at_mark"]

LOOK_BACK = 32
LOOK_AHEAD = 48
_LONGEST_ENUMERATOR = 8

WIDE_MARKS = "。！？｡"
MARKS = ".!?…؟۔।॥" + WIDE_MARKS
BULLETS = "•⁃‣▪◦"
_CLOSERS = "'\"”’»›)]}」』）】》〉"
_AFTER_QUOTES = "とっ、\uff0c"  # what goes on after a quote: a particle, or a comma
_OPENERS = "([{\"'“‘«‹„¿¡"
LINE_ENDS = "\n\r\u2028\u2029"

_CLOSING = re.compile(f"[{re.escape(_CLOSERS)}]*")
_SPACES = re.compile(r"\s*")
_NEXT_WORD = re.compile(rf"[{re.escape(_OPENERS)}]*([^\W\d_]*)")
_ENUMERATOR = re.compile(rf"(?:[{BULLETS}]\s*)?(?:\d{{1,3}}|[a-zA-Z])\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]\Z")
_THREE_SPACED_DOTS = re.compile(r"(?:\.\s){3,}\Z")

_LEADING = (  # never the last word of a sentence
    "mr mrs ms mx dr prof st mt ft gen col maj capt cmdr lt sgt cpl pvt adm rev fr hon rep sen gov pres supt messrs "
    "mme mlle e.g i.e eg ie cf vs viz"
)
_NUMBERING = "no nos nr n° № p pp fig figs vol vols ch chap sec sect art eq eqs ex par para ver"  # before a number
_SHORTENED = (  # before a small letter or a digit
    "co corp inc ltd llc bros plc etc al jr sr esq dept univ assn est approx ave blvd rd hwy apt ca misc ed eds tel "
    "ext min max"
)
_NAMING = (
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri"  # before a name as well
)
_DOUBTS = {
    word: doubt
    for doubt, words in {
        "goes on": _LEADING,
        "numbering": _NUMBERING,
        "shortened": _SHORTENED,
        "name": _NAMING,
    }.items()
    for word in words.split()
}
_BEGINNING = (  # words that often begin a sentence
    "a an the this that these those he she it we they you i my your his her its our their there here who what when "
    "where why how which did do does is are was were has have had can could will would should must may might if in on "
    "at by to from with but and or so for as after before then however please no yes not all some many most one once "
    "since while although though because let now each every both another other such also"
)
_BEGINNERS = frozenset(_BEGINNING.split())


def end_at_mark(text: str, place: int, before: str, *, ended: bool) -> int | None:
    """Return where a sentence ends at a mark; 0 when it continues, None when that depends on what has not arrived.

    `before` is what the sentence has before the mark, up to its last `LOOK_BACK` characters.
    """
    mark, after = text[place], place + 1
    following = text[after : after + 1]
    if following in _CLOSERS and (closed := _CLOSING.match(text, after, place + LOOK_AHEAD)):
        after = closed.end()
        following = text[after : after + 1]
    if not following:
        return after if ended else None
    if mark in WIDE_MARKS:
        return 0 if following in MARKS or (after > place + 1 and following in _AFTER_QUOTES) else after
    if not following.isspace():
        return 0
    if mark in "!?" and after == place + 1:
        return after
    doubt = _doubt(mark, before, text[place + 1 : after])
    return _after_doubt(doubt, text, after, ended=ended) if doubt and following not in LINE_ENDS else after


def _doubt(mark: str, before: str, closers: str) -> str:
    """Return why the sentence may go on after a mark; an empty string when it ends."""
    if mark == ".":
        last = before[-1:]
        if not last or last.isspace():
            return "closed" if _THREE_SPACED_DOTS.search(before) else "goes on"
        if last == ".":
            return "goes on" if "]" in closers else "closed"
        if len(before) <= _LONGEST_ENUMERATOR and _ENUMERATOR.match(before):
            return "goes on"
        word = before.rsplit(None, 1)[-1].lstrip(_OPENERS)
        if doubt := _DOUBTS.get(word.lower()):
            return doubt
        if (len(word) == 1 or "." in word) and _INITIALS.match(word) and ("." in word or word.isupper()):
            return "name"
    elif mark == "…":
        return "goes on" if "]" in closers else "closed"
    return "closed" if closers else ""


def _after_doubt(doubt: str, text: str, after: int, *, ended: bool) -> int | None:
    """Decide by the word that follows."""
    last = after + LOOK_AHEAD
    spaces = _SPACES.match(text, after, last)
    begin = spaces.end() if spaces else after
    if any(character in LINE_ENDS for character in text[after:begin]) or begin == last:
        return after
    word = _NEXT_WORD.match(text, begin, last)
    end = word.end() if word else begin
    if end == len(text) and end < last and not ended:
        return None
    if begin == len(text):
        return after
    return 0 if _continues(doubt, text[begin], word[1] if word else "", text[end : end + 1]) else after


def _continues(doubt: str, first: str, word: str, following: str) -> bool:
    """Return whether the sentence goes on with a word."""
    small = first.islower() or first in ",;:."
    match doubt:
        case "goes on":
            return True
        case "numbering":
            return first.isdigit()
        case "closed":
            return small
        case "shortened":
            return small or first.isdigit()
        case _:
            return small or word.lower() not in _BEGINNERS or following == "."
