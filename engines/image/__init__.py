"""Pictures from words and sketches."""
