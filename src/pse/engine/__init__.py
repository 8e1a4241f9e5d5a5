"""Running: feeds, the loop that writes before it acts, and the records of a run."""
