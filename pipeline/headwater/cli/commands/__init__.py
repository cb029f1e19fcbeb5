"""The commands with their options. What a command needs is imported when it runs, so that help comes at once."""
