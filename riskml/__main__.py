"""``python -m riskml`` is the command ``riskml``."""

from riskml.cli.main import main

raise SystemExit(main())
