"""What hurts in a data set, found before it is trained on, and mended. NumPy, OpenCV, scikit-learn; no TensorFlow."""
