"""The endpoints of a server over HTTP."""
