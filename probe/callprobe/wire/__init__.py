"""Wire formats by their RFCs; pure, for hostile bytes."""
