"""Where orders go.  The simulated broker matches inside the kernel; a real one sends and reports back."""
