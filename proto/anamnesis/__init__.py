"""Generated gRPC code; clients generate their own from the .proto files."""
