"""Steps that work on text: words, sentences and chunks, edits, and what patterns find.

A pattern in a document must not be able to stop a pipeline, so only those are taken that read a text in linear time;
`pattern` says which, and `machine` and `ambiguity` prove it.
"""

from headwater_steps.text.words_and_case import lower, upper, words

__all__ = ["lower", "upper", "words"]
