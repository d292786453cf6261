"""The bodies of requests and responses, how they are decoded, and the problem details of what is refused."""
