"""Tests of what brings existing customers to billing."""
