"""Ports that `up` needs: free, or one clear error before anything is started."""

from __future__ import annotations

import socket

from pipeline.errors import UserError


def check_free(host: str, port: int, variable: str) -> None:
    """Refuse a port that something else listens on.

    Raises:
        UserError: names the port and the variable that chooses another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used ({error.strerror}): another program, or another `instant-t up`, has it. "
                f"Stop that one, or set {variable} to a free port."
            ) from error
