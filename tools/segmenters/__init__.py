"""Select pixels: masks from boxes, colors, and other masks."""
