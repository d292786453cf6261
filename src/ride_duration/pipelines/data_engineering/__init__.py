"""Raw months -> checked, cleaned trips -> features, as Ibis expressions that run on any engine."""
