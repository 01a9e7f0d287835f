"""The processors under contract: every module in this folder has a list CASES."""

import importlib
import pkgutil

from tests.contract import Case

MODULES = sorted(info.name for info in pkgutil.iter_modules(__path__))
CASES: list[Case] = [case for name in MODULES for case in importlib.import_module(f"{__name__}.{name}").CASES]
