"""Events as OpenTelemetry spans and instruments."""
