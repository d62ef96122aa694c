"""Whether a delivery is PayPal's: its headers, certificates and their issuers, PayPal's own word, and a trial run."""
