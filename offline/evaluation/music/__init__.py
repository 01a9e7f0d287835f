"""Musical floors: measures of what systems write beside those of what they learnt from."""
