"""Two optimizers that take turns, one of them twice as often."""

import torch
from task import FEATURES, Vectors
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, FEATURES))
critic = nn.Sequential(nn.Linear(FEATURES, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
generator_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
for step, (real, _) in enumerate(DataLoader(Vectors(192), batch_size=16, shuffle=True)):
    ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
    critic_optimizer.zero_grad()
    fake = generator(torch.randn(len(real), 4))
    critic_loss = bce(critic(real), ones) + bce(critic(fake.detach()), zeros)
    critic_loss.backward()
    print(f"step {step} loss {critic_loss.item()!r}", flush=True)
    critic_optimizer.step()
    if step % 2 == 1:
        generator_optimizer.zero_grad()
        generator_loss = bce(critic(fake), ones)
        generator_loss.backward()
        generator_optimizer.step()
print("done")
