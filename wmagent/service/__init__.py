"""What every surface offers, said once: tools with typed questions and short answers, whatever carries them."""
