"""The loss: a weighted sum of terms, each returned for the log."""

import torch
from torch import nn

from .array import element_positions, steering_vectors
from .config import ArrayConfig, LossConfig
from .spectrum import PeakContrast, as_complex, in_subspace, signal_basis, spread

EIG_FLOOR = 1e-12


class DoaLoss(nn.Module):
    """Angles, covariance and subspace in one criterion."""

    def __init__(self, array: ArrayConfig, cfg: LossConfig):
        super().__init__()
        self.cfg = cfg
        self.contrast = PeakContrast(array, cfg)
        self.register_buffer("positions", element_positions(array), persistent=False)

    def forward(self, preds: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return every term by name, and their weighted sum as `total`."""
        basis = signal_basis(preds["factor"])
        terms = {
            "angle": self.angle_term(preds, batch),
            "covariance": self.covariance_term(preds, batch),
            "subspace": self.subspace_term(basis, batch),
            "contrast": self.contrast(basis, batch["ptr"]),
            "eigengap": self.eigengap_term(preds),
        }
        total = sum(self.cfg.weights[name] * value for name, value in terms.items())
        return {**terms, "total": total}

    def angle_term(self, preds: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> torch.Tensor:
        error = preds["ptr"] - batch["ptr"].to(preds["ptr"].dtype)
        return (1.0 - torch.cos(error)).mean()

    def covariance_term(self, preds: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Squared error of F F^H + noise I, relative to the power of the sample covariance."""
        re, im = preds["factor"].unbind(dim=1)
        eye = torch.eye(re.shape[1], dtype=re.dtype, device=re.device)
        cov_re = re @ re.mT + im @ im.mT + preds["noise"][:, None, None] * eye
        cov_im = im @ re.mT - re @ im.mT
        target = batch["cov"].to(re.dtype)
        error = torch.stack([cov_re, cov_im], dim=1) - target
        return (error.square().sum(dim=(1, 2, 3)) / target.square().sum(dim=(1, 2, 3))).mean()

    def subspace_term(self, basis: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Power of the true steering vectors outside the predicted signal subspace."""
        phi = torch.deg2rad(batch["ptr"][..., 0])
        theta = torch.deg2rad(batch["ptr"][..., 1])
        steering = steering_vectors(phi, theta, self.positions)

        loss = torch.tensor(0.0, device=basis.device)
        valid = 0
        for item_basis, item_steering in zip(basis, steering):
            if spread(item_steering) < self.cfg.min_spread:
                continue
            loss = loss + (1.0 - in_subspace(item_basis, item_steering)).mean()
            valid += 1
        return loss / valid if valid > 0 else loss

    def eigengap_term(self, preds: dict[str, torch.Tensor]) -> torch.Tensor:
        """Noise power against the gap between signal and noise eigenvalues, on a log scale."""
        factor = as_complex(preds["factor"])
        signal = torch.linalg.eigvalsh(factor.mH @ factor)
        gap = signal[:, 0].to(preds["noise"].dtype)
        return torch.log1p(preds["noise"] / (gap + EIG_FLOOR)).mean()
