"""Three backward calls for each optimizer step, and a schedule in optimizer steps."""

import torch
from task import Net, Vectors, report
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

ACCUMULATE, EPOCHS = 3, 3
torch.manual_seed(0)
net = Net()
loader = DataLoader(Vectors(), batch_size=8, shuffle=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scheduler = CosineAnnealingLR(optimizer, T_max=EPOCHS * len(loader) // ACCUMULATE)
step = 0
for _epoch in range(EPOCHS):
    for i, (x, y) in enumerate(loader):
        loss = cross_entropy(net(x), y) / ACCUMULATE
        loss.backward()
        if (i + 1) % ACCUMULATE == 0:
            report(step, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            step += 1
print("done", scheduler.get_last_lr()[0] < 1e-6)
