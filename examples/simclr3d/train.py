"""Short name for ``train_simclr.py``."""
from train_simclr import main

if __name__ == "__main__":
    main()
