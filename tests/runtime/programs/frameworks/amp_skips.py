"""Mixed precision in which one loss is infinite: the scaler skips that step and halves its scale."""

import torch
from task import Net, Vectors, report
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

torch.manual_seed(0)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
step = 0
for _epoch in range(2):
    for x, y in DataLoader(Vectors(), batch_size=16, shuffle=True):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = cross_entropy(net(x), y)
        if step == 3:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        report(step, loss)
        scaler.step(optimizer)
        scaler.update()
        step += 1
print("done", scaler.get_scale())
