"""Simulated micrograph patches.

A particle is a ring of subunits seen from the side or from the top, low-pass filtered like a defocused projection.
Everything else is ice: noise, thickness gradients, and now and then a contamination that looks round as well.
"""

import numpy as np

CARBON = range(100, 200)  # micrographs from the edge of the grid, with carbon film in them


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    return np.meshgrid(axis, axis, indexing="ij")


def _low_pass(image: np.ndarray, sigma: float) -> np.ndarray:
    freq_y = np.fft.fftfreq(image.shape[0])[:, None]
    freq_x = np.fft.rfftfreq(image.shape[1])[None, :]
    window = np.exp(-2.0 * (np.pi * sigma) ** 2 * (freq_y**2 + freq_x**2))
    return np.fft.irfft2(np.fft.rfft2(image) * window, s=image.shape)


def _particle(size: int, rng: np.random.Generator) -> np.ndarray:
    """Density of one particle: six subunits on a ellipse, off-centre by a few pixels."""
    y, x = _grid(size)
    cy, cx = rng.normal(0.0, 1.5, 2)
    tilt, spin = rng.uniform(0.45, 1.0), rng.uniform(0.0, np.pi)
    radius = 0.24 * size * rng.uniform(0.9, 1.1)
    density = np.zeros((size, size), dtype=np.float32)
    for k in range(6):
        angle = k * np.pi / 3 + rng.uniform(0.0, 0.1)
        u, v = radius * np.cos(angle), radius * tilt * np.sin(angle)
        py, px = cy + u * np.sin(spin) + v * np.cos(spin), cx + u * np.cos(spin) - v * np.sin(spin)
        density += np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * (0.075 * size) ** 2))
    return density


def _contamination(size: int, rng: np.random.Generator) -> np.ndarray:
    """A round blob of ice without inner structure."""
    y, x = _grid(size)
    cy, cx = rng.normal(0.0, 3.0, 2)
    return 1.2 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * (rng.uniform(0.15, 0.25) * size) ** 2))


def _carbon(size: int, rng: np.random.Generator) -> np.ndarray:
    """The edge of the carbon film: one side of the patch is much brighter."""
    y, x = _grid(size)
    angle, offset = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.2, 0.2) * size
    return 4.0 * (np.cos(angle) * y + np.sin(angle) * x > offset)


def micrograph_tone(micrograph: int) -> tuple[float, float]:
    """Mean grey value and contrast of a micrograph: thicker ice is darker and flatter."""
    rng = np.random.default_rng((404, micrograph))
    thickness = rng.uniform(0.0, 1.0)
    return 140.0 - 35.0 * thickness, 30.0 - 9.0 * thickness


def render_patch(label: int, micrograph: int, patch_id: int, size: int, snr: float = 0.5) -> np.ndarray:
    """One patch (size, size) in grey values, always the same for the same numbers."""
    rng = np.random.default_rng((micrograph, patch_id))
    mean, contrast = micrograph_tone(micrograph)
    y, x = _grid(size)
    slope = rng.normal(0.0, 0.25, 2)
    image = (slope[0] * y + slope[1] * x) / size
    if label == 1:
        image = image - snr * _particle(size, rng)
    elif micrograph in CARBON and rng.random() < 0.12:
        image = image + _carbon(size, rng)
    elif rng.random() < 0.35:
        image = image - snr * _contamination(size, rng)
    noise = _low_pass(rng.standard_normal((size, size)), 0.6)
    image = _low_pass(image, 0.5) + noise / noise.std()
    return (mean + contrast * image).astype(np.float32)
