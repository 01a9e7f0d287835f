"""The pages that are made from the code: settings, API and gallery. `python -m docs.tools` writes them all."""
