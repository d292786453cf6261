"""Months in the order of time, each evaluated with models of the months before it: what does retraining gain?"""
