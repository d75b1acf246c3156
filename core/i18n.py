"""Mark texts for translation where they are declared; the interface translates them where they are shown."""


def N_(text: str) -> str:
    """Return `text` unchanged; the extractor adds it to the translation catalogue."""
    return text
