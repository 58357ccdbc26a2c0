"""A generator against a discriminator, trained on an artist's own pictures (Goodfellow et al. 2014, "Generative adversarial nets")."""
