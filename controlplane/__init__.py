"""The control plane: decides what should run where, and agrees on it."""
