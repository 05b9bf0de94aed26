"""Views: thin widgets that show what the service layer knows and pass clicks on to it."""
