"""Code scanners: serial and TCP lines of text, patrol codes verified without the cloud."""
