"""How it is done: prepare, register, score, as graphs of Nipype."""
