"""Hinton's forward-forward algorithm: each layer has its own loss and optimizer (pytorch/examples/mnist_forward_forward)."""

import torch
import torch.nn as nn
from torch.optim import Adam

CLASSES = 4
FEATURES = 40


def overlay_y_on_x(x, y):
    """Write the label into the first features."""
    x_ = x.clone()
    x_[:, :CLASSES] = 0.0
    x_[torch.arange(len(x)), y] = x.max()
    return x_


def wrong_labels(y):
    return (y + torch.randint(1, CLASSES, y.shape)) % CLASSES


class Net(torch.nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = nn.ModuleList(Layer(dims[d], dims[d + 1]) for d in range(len(dims) - 1))

    def predict(self, x):
        goodness_per_label = []
        for label in range(CLASSES):
            h = overlay_y_on_x(x, torch.full((len(x),), label))
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness.append(h.pow(2).mean(1))
            goodness_per_label.append(sum(goodness).unsqueeze(1))
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train(self, x_pos, x_neg):
        h_pos, h_neg = x_pos, x_neg
        for i, layer in enumerate(self.layers):
            print(f"training layer {i}")
            h_pos, h_neg = layer.train(h_pos, h_neg)


class Layer(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.relu = torch.nn.ReLU()
        self.opt = Adam(self.parameters(), lr=0.02)
        self.threshold = 2.0
        self.num_epochs = 40

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def train(self, x_pos, x_neg):
        for i in range(self.num_epochs):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            # The loss pushes the positive samples above the threshold and the negative ones below it.
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            if i % 20 == 0:
                print("Loss: ", loss.item())
        return self.forward(x_pos).detach(), self.forward(x_neg).detach()


if __name__ == "__main__":
    torch.manual_seed(1234)
    centres = torch.randn(CLASSES, FEATURES)
    y = torch.randint(0, CLASSES, (600,))
    x = centres[y] + 0.6 * torch.randn(600, FEATURES)
    x, x_te, y, y_te = x[:500], x[500:], y[:500], y[500:]

    net = Net([FEATURES, 64, 64])
    net.train(overlay_y_on_x(x, y), overlay_y_on_x(x, wrong_labels(y)))
    print(f"train accuracy: {net.predict(x).eq(y).float().mean().item():.4f}")
    print(f"test accuracy: {net.predict(x_te).eq(y_te).float().mean().item():.4f}")
