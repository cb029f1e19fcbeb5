"""Who may do what: callers, keys, tokens and tickets, hosts and origins, rates; all checked in one place, the gate."""
