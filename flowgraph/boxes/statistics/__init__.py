"""Quantiles, weighted means, covariances."""
