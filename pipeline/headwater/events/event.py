"""Events: numbered facts about an execution, and the data model of each type."""
