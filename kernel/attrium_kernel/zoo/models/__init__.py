"""The architectures of the zoo, one small file each."""
