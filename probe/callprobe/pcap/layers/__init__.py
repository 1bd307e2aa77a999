"""From a frame to the innermost datagram, segment or quotation: link layers, IP, tunnels, TCP streams."""
