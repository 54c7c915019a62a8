"""Complete projects for boards, made from a model: sources, build files, manifests, and what flashes them."""
