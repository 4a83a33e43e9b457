"""The model families: each a package of its own behind one interface."""
