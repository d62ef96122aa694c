import paylattice.providers.stripe.sdk  # noqa: F401 - first, before a test imports the SDK: it switches the telemetry off
