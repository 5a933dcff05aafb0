"""A variational auto-encoder whose loss is summed, not averaged, over pixels and batch (pytorch/examples/vae)."""

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SIDE = 14
EPOCHS = 4

torch.manual_seed(1)
device = torch.device("cpu")


class Strokes(Dataset):
    """One bright horizontal and one vertical stroke on a dark ground; pixels are in 0..1."""

    def __init__(self, count):
        rows = torch.randint(1, SIDE - 1, (count,))
        columns = torch.randint(1, SIDE - 1, (count,))
        self.images = torch.zeros(count, 1, SIDE, SIDE)
        for image, row, column in zip(self.images, rows, columns):
            image[0, row] = 0.9
            image[0, :, column] = 0.9
        self.images += 0.1 * torch.rand_like(self.images)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], 0


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(SIDE * SIDE, 128)
        self.fc21 = nn.Linear(128, 12)
        self.fc22 = nn.Linear(128, 12)
        self.fc3 = nn.Linear(12, 128)
        self.fc4 = nn.Linear(128, SIDE * SIDE)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, SIDE * SIDE))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


train_loader = DataLoader(Strokes(1536), batch_size=64, shuffle=True)
test_loader = DataLoader(Strokes(256), batch_size=64, shuffle=False)
model = VAE().to(device)
optimizer = optim.Adam(model.parameters(), lr=2e-3)


# Reconstruction + KL divergence losses summed over all elements and batch
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, SIDE * SIDE), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for data, _ in train_loader:
        data = data.to(device)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    print(f"====> Epoch: {epoch} Average loss: {train_loss / len(train_loader.dataset):.4f}")


def test(epoch):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data, _ in test_loader:
            data = data.to(device)
            recon_batch, mu, logvar = model(data)
            test_loss += loss_function(recon_batch, data, mu, logvar).item()
    print(f"====> Epoch: {epoch} Test set loss: {test_loss / len(test_loader.dataset):.4f}")


if __name__ == "__main__":
    for epoch in range(1, EPOCHS + 1):
        train(epoch)
        test(epoch)
        with torch.no_grad():
            sample = model.decode(torch.randn(16, 12)).view(16, 1, SIDE, SIDE)
            torch.save(sample, f"sample_{epoch}.pt")
