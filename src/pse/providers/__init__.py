"""Where bars come from: one module a source, each a `BarProvider`, imported only when it is chosen."""
