"""Several experiments on one page: read from their group tables, told apart, summed up where they are comparable."""
