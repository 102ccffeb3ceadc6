"""How codes are judged."""
