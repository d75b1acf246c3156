"""Trained runs and what they scored. No TensorFlow."""
