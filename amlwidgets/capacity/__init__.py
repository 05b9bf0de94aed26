"""(to come) Sizing formula, queueing closed forms, simulator, recommendations."""
