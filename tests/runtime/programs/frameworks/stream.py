"""An IterableDataset without a length, shared out over the workers."""

import sys

import torch
from task import FEATURES, Net, Vectors, report
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Stream(IterableDataset):
    def __init__(self):
        self.source = Vectors()

    def __iter__(self):
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for index in range(first, len(self.source), stride):
            yield self.source[index]


def main():
    torch.manual_seed(0)
    loader = DataLoader(Stream(), batch_size=16, num_workers=int(sys.argv[1]) if sys.argv[1:] else 0)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    step = 0
    for _epoch in range(2):
        for x, y in loader:
            assert x.shape[1] == FEATURES
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            report(step, loss)
            optimizer.step()
            step += 1
    print("done")


if __name__ == "__main__":
    main()
