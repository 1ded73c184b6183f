"""What people look at: queries over the published tables."""
