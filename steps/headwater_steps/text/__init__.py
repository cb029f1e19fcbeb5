"""Kinds `text.*`: words, sentences, chunks, edits, and what patterns find."""

from headwater_steps.text.words_and_case import lower, upper, words

__all__ = ["lower", "upper", "words"]
