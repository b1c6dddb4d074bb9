"""World models from frames (LeWorldModel): learn, imagine, plan to images, positions and words, draw, be surprised."""
