"""Text classification from an endless stream: an IterableDataset, counted in steps, not epochs."""

import itertools
import random
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

TOPICS = {
    "sport": "goal match team ball score coach league win".split(),
    "cooking": "salt oven butter flour taste onion pan stir".split(),
    "space": "orbit moon rocket star probe crater launch comet".split(),
}
COMMON = "the a of and to in it was on with for as that by they".split()
VOCABULARY = {word: i for i, word in enumerate(sorted({*itertools.chain(*TOPICS.values()), *COMMON}))}


class Documents(IterableDataset):
    def __init__(self, seed):
        self.seed = seed

    def __iter__(self):
        worker = get_worker_info()
        chooser = random.Random(self.seed + (worker.id if worker else 0))
        topics = list(TOPICS)
        while True:
            label = chooser.randrange(len(topics))
            length = chooser.randint(6, 20)
            words = [
                chooser.choice(TOPICS[topics[label]] if chooser.random() < 0.25 else COMMON) for _ in range(length)
            ]
            yield words, label


def collate(documents):
    ids = [torch.tensor([VOCABULARY[w] for w in words]) for words, _ in documents]
    offsets = torch.tensor([0, *itertools.accumulate(len(i) for i in ids)][:-1])
    return torch.cat(ids), offsets, torch.tensor([label for _, label in documents])


class TextClassifier(nn.Module):
    def __init__(self, vocabulary, dim, classes):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, dim, mode="mean")
        self.classifier = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, classes))

    def forward(self, tokens, offsets):
        return self.classifier(self.embedding(tokens, offsets))


def progress(iterable, total):
    """What tqdm would do, in one line."""
    for i, item in enumerate(iterable):
        yield i, item
        print(f"\r{100 * (i + 1) // total:3d} %", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main(max_steps=90, eval_every=30, lr=0.02):
    torch.manual_seed(0)
    train_loader = DataLoader(Documents(seed=0), batch_size=32, collate_fn=collate)
    eval_loader = DataLoader(Documents(seed=10_000), batch_size=100, collate_fn=collate)
    model = TextClassifier(len(VOCABULARY), 24, len(TOPICS))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.NAdam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=max_steps)
    recent = 0.0
    for step, (tokens, offsets, labels) in progress(itertools.islice(train_loader, max_steps), max_steps):
        model.train()
        loss = criterion(model(tokens, offsets), labels)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        recent = loss.item() if step == 0 else 0.9 * recent + 0.1 * loss.item()
        if (step + 1) % eval_every == 0:
            model.eval()
            hits = total = 0
            with torch.no_grad():
                for tokens, offsets, labels in itertools.islice(eval_loader, 4):
                    hits += (model(tokens, offsets).argmax(1) == labels).sum().item()
                    total += len(labels)
            print(f"step {step + 1}: loss {recent:.4f} accuracy {hits / total:.4f}")


if __name__ == "__main__":
    main()
