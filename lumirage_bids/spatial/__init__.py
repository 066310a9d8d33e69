"""Images, grids and transforms: usable without BIDS."""
