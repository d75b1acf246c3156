"""Marks texts for translation where they are declared; the interface translates them where they are shown."""


def N_(text: str) -> str:
    """Return `text` unchanged. The name tells the message extractor to put it into the catalogue."""
    return text
