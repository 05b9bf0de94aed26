"""The small service layer: I/O at the edge, objects of core inside."""
