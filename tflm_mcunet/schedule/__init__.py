"""From a Graph to a Schedule: order, stages, lifetimes, offsets."""
