"""Channels with a bound of bytes, and channels that drop items instead of stopping their writer."""
