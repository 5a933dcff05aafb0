"""torch.compile with the backend that needs no compiler."""

import torch
from task import Net, Vectors, report
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

torch.manual_seed(0)
net = torch.compile(Net(), backend="eager")
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
step = 0
for _epoch in range(2):
    for x, y in DataLoader(Vectors(), batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = cross_entropy(net(x), y)
        loss.backward()
        report(step, loss)
        optimizer.step()
        step += 1
print("done", type(net).__name__)
