"""Who may do what: users, groups, perimeters, grants and terms of metadata."""
