"""How each model of the zoo was trained; run one with `python -m attrium_kernel.zoo.train NAME`."""
