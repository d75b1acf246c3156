"""What is known of single file formats: what Pillow must not see of them, what it gets wrong, what they are called."""
