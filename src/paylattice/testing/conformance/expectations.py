"""How a conformance check fails: with the promise that was broken, in words."""

__all__ = ["expect"]


def expect(condition: object, message: str) -> None:
    """Fail the check unless the condition holds.

    Args:
        condition: anything that is true or false.
        message: what the promise is, and what happened instead.

    Raises:
        AssertionError: it does not hold.
    """
    __tracebackhide__ = True
    if not condition:
        raise AssertionError(message)
