"""What people look at: the page of a run, its figures in the terminal, and its tables as CSV."""
