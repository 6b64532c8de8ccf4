"""The generative half of the tiny family: an autoencoder, a text encoder and two denoisers, trained from nothing."""
