"""Builders of test data: plain functions with defaults."""
