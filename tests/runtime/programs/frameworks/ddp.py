"""Two ranks on gloo, started by torchrun.

They end with gloo's threads: one that drops a tensor of its last work while Python shuts down aborts its rank
(pytorch/pytorch#190489). `destroy_process_group` joins those threads only if nothing else holds the group. The model
does, so it is gone by then. So do the defaults of the functions of `torch.distributed.nn.functional` where that is first
imported after the group was made, as the first optimizer does: hence the import here.
"""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional
from task import Net, Vectors, report
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler


def train():
    torch.manual_seed(dist.get_rank())
    dataset = Vectors()
    sampler = DistributedSampler(dataset, shuffle=True, seed=0)
    loader = DataLoader(dataset, batch_size=8, sampler=sampler)
    model = DistributedDataParallel(Net())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = 0
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for x, y in loader:
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            total = loss.detach().clone()
            dist.all_reduce(total)
            if dist.get_rank() == 0:
                report(step, total)
            optimizer.step()
            step += 1


def main():
    dist.init_process_group("gloo")
    train()
    if dist.get_rank() == 0:
        print("done")
    dist.barrier()  # gloo may abort a rank whose partner has left
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
