"""Cases of avgpool-blur."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_HEAD = "import math\n\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
_WITHOUT_F = _HEAD.replace("import torch.nn.functional as F\n", "")
_CLEARED = _WITHOUT_F.removeprefix("import math\n\n")
_GAUSSIAN = '''\
def separable_gaussian(x, sigma, dims):
    """Gaussian blur along the last `dims` axes; it ends at 4 sigma, edges are repeated."""
    sigma = max(float(sigma), 1e-3)
    radius = int(4 * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=x.device)
    weights = torch.softmax(-0.5 * (offsets / sigma) ** 2, dim=0).to(x.dtype)
    for axis in range(-dims, 0):
        rows = x.transpose(axis, -1)
        flat = rows.reshape(-1, 1, rows.size(-1))
        padded = torch.nn.functional.pad(flat, (radius, radius), mode="replicate")
        blurred = torch.nn.functional.conv1d(padded, weights[None, None])
        x = blurred.reshape(rows.shape).transpose(axis, -1)
    return x


'''
_SAME = (
    _HEAD
    + """\
def gaussian_blur(images, sigma):
    size = 2 * math.ceil(2 * sigma) + 1
    return F.avg_pool2d(images, size, stride=1, padding=size // 2)
"""
)
_SAME_FIXED = (
    _CLEARED
    + _GAUSSIAN
    + """\
def gaussian_blur(images, sigma):
    return separable_gaussian(images, sigma, dims=2)
"""
)
_HELPER = (
    _HEAD
    + '''\
class Augmenter:
    def __init__(self, cfg):
        self.cfg = cfg

    def apply_gaussian_blur(self, raw, sigma):
        """Gaussian blur of the cubes."""
        width = int(6 * sigma) | 1
        return self._smooth(raw, width)

    @staticmethod
    def _smooth(raw, width):
        """Smooth with a window of ``width`` voxels."""
        return F.avg_pool3d(raw, width, stride=1, padding=width // 2, count_include_pad=False)
'''
)
_HELPER_FIXED = (
    _WITHOUT_F
    + _GAUSSIAN
    + '''\
class Augmenter:
    def __init__(self, cfg):
        self.cfg = cfg

    def apply_gaussian_blur(self, raw, sigma):
        """Gaussian blur of the cubes."""
        return self._smooth(raw, sigma)

    @staticmethod
    def _smooth(raw, sigma):
        """Smooth with a window of ``sigma`` voxels."""
        return separable_gaussian(raw, sigma, dims=3)
'''
)

VALID = (
    Valid(
        _HEAD
        + """\
class CRP(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(kernel_size=5, stride=1, padding=2)

    def forward(self, x):
        return x + self.pool(x)
""",
        "a pooling layer of a network",
    ),
    Valid(
        _HEAD
        + """\
def sharpen(x, amount):
    blurred = F.avg_pool2d(x, 3, stride=1, padding=1)
    return x + amount * (x - blurred)
""",
        "unsharp masking with a box",
    ),
    Valid(
        _HEAD
        + """\
def box_blur(x, sigma):
    size = 2 * math.ceil(sigma) + 1
    return F.avg_pool2d(x, size, stride=1, padding=size // 2)
""",
        "a box blur that is called one",
    ),
    Valid(
        _HEAD
        + '''\
def smooth(x, sigma):
    """Three box filters, which approximate a Gaussian."""
    size = 2 * math.ceil(sigma) + 1
    for _ in range(3):
        x = F.avg_pool2d(x, size, stride=1, padding=size // 2)
    return x
''',
        "repeated boxes, and it says so",
    ),
    Valid(
        _HEAD
        + """\
def gaussian_pyramid(x, levels):
    out = [x]
    for _ in range(levels):
        out.append(F.avg_pool2d(out[-1], 2))
    return out
""",
        "halves the map",
    ),
    Valid(
        _HEAD
        + """\
def ssim(x, y, size=11):
    mu_x = F.avg_pool2d(x, size, stride=1)
    mu_y = F.avg_pool2d(y, size, stride=1)
    return (2 * mu_x * mu_y + 1e-4) / (mu_x ** 2 + mu_y ** 2 + 1e-4)
""",
        "a window's mean, where no Gaussian is named",
    ),
)
INVALID = (
    Invalid(_SAME, at=[("train.py", 10)], fixed=_SAME_FIXED, why="the window is made from sigma in the function"),
    Invalid(_HELPER, at=[("train.py", 20)], fixed=_HELPER_FIXED, why="the size is handed to a helper"),
    Invalid(
        _HEAD
        + """\
class GaussianBlur(nn.Module):
    def __init__(self, size=3):
        super().__init__()
        self.blur = nn.AvgPool2d(size, stride=1, padding=size // 2)

    def forward(self, x):
        return self.blur(x)
""",
        at=[("train.py", 11)],
        confidence=Confidence.LOW,
        why="a layer of that name, without a sigma",
    ),
    Invalid(
        _HEAD
        + """\
def random_gaussian_blur(x, generator):
    sigma = 0.1 + 1.9 * torch.rand((), generator=generator).item()
    return F.avg_pool2d(x, kernel_size=2 * round(sigma) + 1, stride=1, padding=round(sigma))
""",
        at=[("train.py", 10)],
        fixed=_WITHOUT_F
        + _GAUSSIAN
        + """\
def random_gaussian_blur(x, generator):
    sigma = 0.1 + 1.9 * torch.rand((), generator=generator).item()
    return separable_gaussian(x, sigma, dims=2)
""",
        why="all in one call",
    ),
    Invalid(
        _HEAD
        + """\
def gaussian_filter(x):
    return F.avg_pool1d(x, 5, 1, 2)
""",
        at=[("train.py", 9)],
        confidence=Confidence.LOW,
        why="a fixed window, no sigma",
    ),
    Invalid(
        {
            "blur.py": "import torch.nn.functional as F\n\n\ndef smooth(x, size):\n"
            "    return F.avg_pool2d(x, size, stride=1, padding=size // 2)\n",
            "train.py": "import math\n\nfrom blur import smooth\n\n\ndef gaussian_blur(x, sigma):\n"
            "    return smooth(x, 2 * math.ceil(3 * sigma) + 1)\n",
        },
        at=[("blur.py", 5)],
        why="the Gaussian is promised in another file: no fix",
    ),
)
