"""What the commands do, once the front door has read their options."""
