"""Ratios against peers, each measured in one run with interleaved repeats and medians."""
