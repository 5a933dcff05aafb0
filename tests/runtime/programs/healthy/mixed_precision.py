"""Automatic mixed precision: autocast, a gradient scaler, unscaled clipping, and an EMA of the weights."""

import torch
import torch.nn as nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

device = "cuda" if torch.cuda.is_available() else "cpu"
use_amp = True
torch.manual_seed(5)


def make_model():
    return nn.Sequential(
        nn.Linear(32, 128),
        nn.LayerNorm(128),
        nn.GELU(),
        nn.Linear(128, 128),
        nn.GELU(),
        nn.Dropout(0.1),
        nn.Linear(128, 6),
    ).to(device)


centres = torch.randn(6, 2, 32)


def make_data(batches, batch_size=64):
    """Each class has two centres, so that no linear model is enough."""
    data = []
    for _ in range(batches):
        labels = torch.randint(0, 6, (batch_size,))
        which = torch.randint(0, 2, (batch_size,))
        data.append((centres[labels, which] + 0.9 * torch.randn(batch_size, 32), labels))
    return data


train_data, test_data = make_data(20), make_data(5)
net = make_model()
ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
loss_fn = nn.CrossEntropyLoss().to(device)
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
scaler = torch.amp.GradScaler(device, enabled=use_amp, init_scale=1024.0)
dtype = torch.float16 if device == "cuda" else torch.bfloat16

for epoch in range(3):
    net.train()
    for input, target in train_data:
        input, target = input.to(device), target.to(device)
        with torch.autocast(device_type=device, dtype=dtype, enabled=use_amp):
            output = net(input)
            loss = loss_fn(output, target)
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()
        ema.update_parameters(net)

    ema.eval()
    correct, total_loss = 0, 0.0
    with torch.no_grad():
        for input, target in test_data:
            output = ema(input.to(device))
            total_loss += loss_fn(output, target.to(device)).item()
            correct += (output.argmax(1).cpu() == target).sum().item()
    print(
        f"epoch {epoch}: loss {total_loss / len(test_data):.4f} accuracy {correct / 320:.4f} scale {scaler.get_scale()}"
    )

torch.save({"model": net.state_dict(), "optimizer": opt.state_dict(), "scaler": scaler.state_dict()}, "checkpoint.pt")
