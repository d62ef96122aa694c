"""The providers that come with paylattice. None of them knows another."""
