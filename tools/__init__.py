"""Typed vision tools, the values they exchange, and the models behind them."""
