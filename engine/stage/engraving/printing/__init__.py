"""The copy of a score that is made for print: mended where the file lacks what an engraver needs."""
