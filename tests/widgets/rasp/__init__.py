"""RaspGraph: its parts one by one."""
