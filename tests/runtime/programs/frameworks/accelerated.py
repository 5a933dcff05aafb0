"""Hugging Face Accelerate: prepared loader, model and optimizer, with its own accumulation."""

from accelerate import Accelerator
from accelerate.utils import set_seed
from task import Net, Vectors, report
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.utils.data import DataLoader


def main():
    set_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = Net()
    loader = DataLoader(Vectors(), batch_size=8, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, AdamW(model.parameters(), lr=0.01), loader)
    step = 0
    for _epoch in range(2):
        model.train()
        for x, y in loader:
            with accelerator.accumulate(model):
                loss = cross_entropy(model(x), y)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    report(step, loss)
                    step += 1
                optimizer.step()
                optimizer.zero_grad()
    accelerator.print("done")


if __name__ == "__main__":
    main()
