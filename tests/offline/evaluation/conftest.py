"""The browser of the pages for listeners, for every test here."""

from tests.offline.evaluation.page_browser import browser

__all__ = ["browser"]
