"""What each table of the configuration may hold, and the mistakes that span several. The whole: edge/config.py."""
