"""What a preview tells, from what Pulumi printed of real stacks, and of made-up changes."""
