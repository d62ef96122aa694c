"""Tools for the tests of applications and of providers."""
