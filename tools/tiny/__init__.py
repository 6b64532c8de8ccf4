"""The tiny family: rendered scenes, and small checkpoints of the classes that users load from the hub."""
