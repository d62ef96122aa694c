"""What an application keeps about its customers' subscriptions, and how webhooks change it exactly once."""
