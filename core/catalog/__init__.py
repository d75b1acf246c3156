"""Facts as data: strategies, hyperparameters, backbones and their weights, without TensorFlow."""
