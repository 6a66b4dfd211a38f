"""The wall: one page, made on the server, of the instant T of the whole country. It reads `bi` and writes nothing."""
