"""Commands of the server for the command line `headwater`."""
