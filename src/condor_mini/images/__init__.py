"""The images: Dockerfiles, entrypoint and configuration, and building them."""
