"""Handful's core: everything that is true without a browser. Nothing here imports Streamlit."""
