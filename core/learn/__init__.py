"""Everything that needs TensorFlow. Only worker processes and the command line enter this package."""
