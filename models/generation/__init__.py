"""The networks that write music: what is learnt; what they are combined with stands in `offline.generation`."""
