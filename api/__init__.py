"""The ways in: command line and gRPC service."""
