"""Anomaly detection: a fully connected autoencoder on 640 log-mel values."""
