"""Random variants of images, and warnings of what they can spoil."""
