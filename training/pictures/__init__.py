"""The sample pictures in `images/`, modelled in code and rendered by Blender's Cycles."""
