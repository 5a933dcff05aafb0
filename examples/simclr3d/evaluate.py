"""Cluster the embeddings of a checkpoint: silhouette, and purity against the synapse classes."""
import argparse
import warnings

import torch

from config import Config
from datasets import SynapseCubeDataset, make_bboxes
from models import SimCLR

warnings.filterwarnings("ignore", category=RuntimeWarning)


def parse_args(argv=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="k-means on SimCLR embeddings")
    parser.add_argument("--checkpoint", default="runs/simclr3d/last.pt")
    parser.add_argument("--clusters", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1, help="seed of the held-out boxes")
    parser.add_argument("--batch-size", type=int, default=16)
    return parser.parse_args(argv)


def load_model(path, device):
    """Model and configuration of a checkpoint."""
    checkpoint = torch.load(path, map_location=device)
    cfg = Config.from_dict(checkpoint["config"])
    model = SimCLR(cfg.model).to(device)
    model.load_state_dict(checkpoint["model"])
    return model.eval(), cfg


@torch.no_grad()
def embed_all(model, dataset, batch_size, device):
    """Embeddings and classes of all synapses."""
    cubes, kinds = zip(*dataset.all_synapses())
    parts = [
        model.embed(batch.to(device)).cpu() for batch in torch.stack(cubes).split(batch_size)
    ]
    return torch.cat(parts), torch.tensor(kinds)


def kmeans(points, clusters, iterations=50, restarts=10):
    """Lloyd's algorithm with random restarts.

    Returns:
        Cluster index of each point, from the restart with the least inertia.
    """
    best, best_inertia = None, float("inf")
    for _ in range(restarts):
        centers = points[torch.randperm(len(points))[:clusters]]
        for _ in range(iterations):
            assigned = torch.cdist(points, centers).argmin(dim=1)
            for k in range(clusters):
                if (assigned == k).any():
                    centers[k] = points[assigned == k].mean(dim=0)
        distances, assigned = torch.cdist(points, centers).min(dim=1)
        inertia = distances.pow(2).sum().item()
        if inertia < best_inertia:
            best, best_inertia = assigned, inertia
    return best


def silhouette(points, assigned):
    """Mean silhouette; points alone in their cluster count as 0."""
    distances = torch.cdist(points, points)
    scores = torch.zeros(len(points))
    for i, own in enumerate(assigned):
        same = assigned == own
        if same.sum() == 1:
            continue
        within = distances[i, same].sum() / (same.sum() - 1)
        others = [
            distances[i, assigned == k].mean() for k in assigned.unique() if k != own
        ]
        if others:
            between = torch.stack(others).min()
            scores[i] = (between - within) / torch.maximum(between, within).clamp_min(1e-12)
    return scores.mean().item()


def purity(assigned, kinds):
    """Share of points that have the most common class of their cluster."""
    hits = sum(torch.bincount(kinds[assigned == k]).max().item() for k in assigned.unique())
    return hits / len(kinds)


def main(argv=None):
    """Print the scores of a checkpoint."""
    args = parse_args(argv)
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, cfg = load_model(args.checkpoint, device)
    dataset = SynapseCubeDataset(make_bboxes(cfg.data, args.seed), cfg.data)
    points, kinds = embed_all(model, dataset, args.batch_size, device)
    assigned = kmeans(points, args.clusters)
    print(f"synapses {len(points)}  embedding dim {points.size(1)}")
    print(f"silhouette {silhouette(points, assigned):.4f}  purity {purity(assigned, kinds):.4f}")


if __name__ == "__main__":
    main()
