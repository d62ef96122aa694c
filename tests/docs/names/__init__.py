"""Finds every name that the documentation mentions, and looks each of them up where it is defined.

``mentions`` finds them (in prose, in code blocks, in docstrings); ``vocabulary`` knows what there is; ``inference`` follows
``billing.access(...).allowed`` from one object to the next; ``resolver`` decides; ``foreign`` lists, with a reason each, what
belongs to others.
"""
