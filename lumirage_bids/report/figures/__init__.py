"""Figures: a table or slices in, a matplotlib figure out; no file names, no input or output.

Every module here exists for matplotlib and is imported only by what makes reports, so they import matplotlib,
numpy and pandas at the top. Figures are `matplotlib.figure.Figure` objects; pyplot and its global state are not used.
"""
