"""Language models: the gateway to them, the tape of what they said, and what they may cost."""
