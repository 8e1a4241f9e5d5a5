"""Who decides.  Plain rules are the first; whoever else comes answers through the same door and may only shrink a risk."""
