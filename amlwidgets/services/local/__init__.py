"""Debugging a container from the notebook: get its image, run it, look inside, edit and reload, send it data."""
