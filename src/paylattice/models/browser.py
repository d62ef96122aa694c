"""What a page needs to start a provider's JavaScript."""

import attrs

__all__ = ["BrowserSettings"]


@attrs.frozen
class BrowserSettings:
    """What your own page needs for the provider's card form or buttons. All of it is public: you may send it to any browser.

    Args:
        provider: the name of the provider.
        sdk_url: the address of the provider's script. None: there is none to load.
        public_key: Stripe's publishable key, PayPal's client id, or Square's application id.
        location_id: the location that sells; Square's alone.
        account_id: the connected account that the page is for; Stripe's alone.
        livemode: whether real money moves. None: the settings do not show it.
    """

    provider: str
    sdk_url: str | None
    public_key: str
    location_id: str | None = None
    account_id: str | None = None
    livemode: bool | None = None
