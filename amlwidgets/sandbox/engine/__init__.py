"""Everything that needs a Docker engine: the base image, image builds, packages, the registry, the Docker runtime."""
