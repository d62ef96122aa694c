"""The conformance suites: the tests that a provider or a repository must pass."""
