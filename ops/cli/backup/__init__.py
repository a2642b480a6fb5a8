"""`./karen backup`: sets made, shown, checked, restored and pruned."""
