"""The vocabulary that control plane, agent and command line share."""
