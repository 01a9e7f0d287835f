"""What each command takes: one light module a command, read before anything heavy is imported."""
