"""Research trading rules and LLM judgement together: causal features, one engine, decisions that can be replayed."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """`__version__`, read from the installed distribution when somebody asks for it."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("pse-toolkit")
        except PackageNotFoundError:                     # run from a source tree that was never installed
            return "0+unknown"
    raise AttributeError(f"module 'pse' has no attribute {name!r}")
