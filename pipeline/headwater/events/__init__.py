"""Events: numbered facts about an execution, and the subscribers that receive them."""
