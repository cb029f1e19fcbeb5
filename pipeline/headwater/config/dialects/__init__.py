"""Documents of other pipeline engines: how they are read, and what they become here."""
