"""The processors under contract: one module a package, each with a list CASES."""

from tests.cases import core, dsp, resample
from tests.contract import Case

CASES: list[Case] = [*core.CASES, *dsp.CASES, *resample.CASES]
