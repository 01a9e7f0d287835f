"""Networks that write music, one file a family; `offline.generation` plays them."""
