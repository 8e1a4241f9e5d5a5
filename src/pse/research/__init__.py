"""What the numbers of a run say, and how far they can be believed.  Pure."""
