"""Months in the order of time, each judged by models of the months before it: what is retraining worth?"""
