"""Statistics of the score tables: table in, table out.

Every module here exists for pandas and is imported only by what makes group tables, so they import
numpy, pandas and scipy at the top.
"""
