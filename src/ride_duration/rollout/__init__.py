"""The rollout of a challenger: its plan, the decisions that follow from it, and the evidence that they need."""
