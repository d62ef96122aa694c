"""Repositories for libraries that your application already has, each behind its extra. The core imports none of them."""
