"""Benchmarks: each job beside the limit it is measured against, as a ratio in one run (`make bench`)."""
