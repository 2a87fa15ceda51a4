"""Files that people bring, kept by their content."""
