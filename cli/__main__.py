"""`python -m cli`: the same as `collaparte`."""

import sys

from cli.app import main

sys.exit(main())
