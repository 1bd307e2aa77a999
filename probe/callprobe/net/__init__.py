"""Own sockets and clock reads; the drivers that run flow machines."""
