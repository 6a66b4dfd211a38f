"""The promises of the contract, through the real broker, the real store and the real worker processes."""
