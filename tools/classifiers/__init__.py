"""Choose between names: probabilities from pixels."""
