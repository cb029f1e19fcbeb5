"""Events: numbered facts about an execution, and who receives them."""
