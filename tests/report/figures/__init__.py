"""Tests of the group level; a package, so that its tests share the made-up tables."""
