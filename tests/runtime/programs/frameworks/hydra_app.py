"""Hydra: the configuration comes from YAML, and the job may run in a folder of its own."""

import hydra
import torch
from omegaconf import DictConfig
from task import Net, Vectors, report
from torch.utils.data import DataLoader


@hydra.main(config_path="conf", config_name="train", version_base=None)
def main(config: DictConfig) -> None:
    torch.manual_seed(config.seed)
    net = Net()
    optimizer = hydra.utils.instantiate(config.optimizer, net.parameters())
    loader = DataLoader(Vectors(), **config.loader)
    step = 0
    for _epoch in range(config.epochs):
        for x, y in loader:
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            report(step, loss)
            optimizer.step()
            step += 1
    print("done")


if __name__ == "__main__":
    main()
