"""The protocols of the latent half."""
