"""A study of what people think of pieces: rated blind on a static page, analysed with confidence intervals."""
