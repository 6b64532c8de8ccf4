"""Make images from words."""
