"""What is written about assets: files kept here, and links."""
