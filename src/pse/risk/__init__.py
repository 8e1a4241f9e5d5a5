"""Policies: what is allowed, in which unit, and how a refusal speaks.  The arithmetic stands in `kernels/`."""
