"""One module per area of Azure ML's interfaces; each fills a table ``ROUTES``."""
