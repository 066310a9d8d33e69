"""Pages for people: the group's report and each subject's, one self-contained HTML file each.

Every module here is imported only when a page is made, so they import pandas at the top.
"""
