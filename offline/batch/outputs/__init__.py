"""What comes out of a batch: files, folders, arrays and tables."""
