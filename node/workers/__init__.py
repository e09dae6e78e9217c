"""What is done for the actors outside: on file servers, with real tools, by workers that may die."""
