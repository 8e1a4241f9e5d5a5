"""One module a command.  Each has `run...(context, ...) -> Answer`; the signatures that users type stand in `cli/`."""
