"""What a route does: scores rides, takes actuals, reports the state of the service, carries out decisions."""
