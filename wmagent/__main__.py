"""`python -m wmagent`: the command line without its script. Knows nothing else."""

from wmagent.cli import main

if __name__ == "__main__":
    main()
