"""What is to be done: settings, protocol, arms, pairs, plan; no image is changed here."""
