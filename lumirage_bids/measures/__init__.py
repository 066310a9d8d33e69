"""Measures: arrays and spacing in, numbers out."""
