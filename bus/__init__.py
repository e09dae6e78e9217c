"""Every edge that carries messages: NATS, the embedded server, keys and signatures."""
