"""``python -m lumirage_bids`` is ``lumirage``."""

from lumirage_bids.cli import main

raise SystemExit(main())
