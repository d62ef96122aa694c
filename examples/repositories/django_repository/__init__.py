"""Billing on the Django ORM: a small app to copy. ``repository.py`` says how it is used."""
