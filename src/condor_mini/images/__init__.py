"""The images: their Dockerfiles, entrypoint and configuration, and the code that builds them."""
