"""Model -> package -> gate -> registered version -> champion."""
