"""``python -m lumirage_bids`` is ``lumirage``."""

from lumirage_bids.app.cli import main

raise SystemExit(main())
