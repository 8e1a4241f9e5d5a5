"""The words: frozen types that every room shares."""
