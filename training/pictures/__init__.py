"""The sample pictures in `images/`, modelled in code and rendered with Blender's Cycles."""
