"""Change images without inventing content. An editor with a mask changes no pixel outside it."""
