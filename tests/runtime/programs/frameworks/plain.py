"""A plain script. The loader's workers, and how they start, are options."""

import argparse

import torch
from task import Net, Vectors, report
from torch import nn
from torch.utils.data import DataLoader


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--start", default=None, choices=["fork", "spawn", "forkserver"])
    parser.add_argument("--persistent", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    loader = DataLoader(
        Vectors(),
        batch_size=16,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.persistent,
        multiprocessing_context=args.start if args.workers else None,
    )
    net = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    step = 0
    for _epoch in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            report(step, loss)
            optimizer.step()
            step += 1
    print("done")


if __name__ == "__main__":
    main()
