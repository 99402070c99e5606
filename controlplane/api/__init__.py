"""What people may ask of the control plane."""
