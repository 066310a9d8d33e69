"""FireANTs' methods, and the kernels that make them fast on a CPU."""
