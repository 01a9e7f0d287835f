"""The browser of the pages for listeners, for every test here; without selenium those tests are skipped."""

from importlib.util import find_spec

if find_spec("selenium"):
    from tests.offline.evaluation.page_browser import browser  # noqa: F401 - a fixture
