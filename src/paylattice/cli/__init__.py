"""What ``python -m paylattice`` does."""
