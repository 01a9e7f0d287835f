"""Where the inputs of a batch are: files, folders, lists, tables and addresses."""
