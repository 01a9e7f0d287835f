"""What each command takes: one light module a command, read by the front door before anything heavy is imported."""
