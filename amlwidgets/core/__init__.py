"""Pure data and functions that everything else stands on; standard library only, no I/O."""
