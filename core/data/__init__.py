"""Images in, data sets kept, drawings generated. NumPy and Pillow; no TensorFlow."""
