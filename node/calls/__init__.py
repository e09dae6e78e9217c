"""What runs ask for outside: HTTP, OpenAPI, databases, mail, Slack and programs, each within its bounds."""
